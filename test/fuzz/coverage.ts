/** Which code of the project has run, by V8's own count: an input that reaches more of it is worth keeping. */
import { readFileSync } from "node:fs";
import { Session, type Profiler } from "node:inspector";
import { fileURLToPath } from "node:url";

const SOURCES = new URL("../../", import.meta.url).href;
const WATCHED = ["protocol/", "agent/", "controller/", "common/"].map((folder) => SOURCES + folder);

export interface Coverage extends Disposable {
  /** Forgets what has run until here. */
  readonly skip: () => void;
  /** How many characters of the sources have run since the last call that had never run before. */
  readonly reached: () => number;
  /** The same, but they still count as never run. */
  readonly wouldReach: () => number;
}

/** Only one at a time: the counters belong to the whole process. `also`: a module that is watched beside the sources. */
export function openCoverage(also: string): Coverage {
  const session = new Session();
  session.connect();
  post(session, "Profiler.enable");
  post(session, "Profiler.startPreciseCoverage", { callCount: false, detailed: true });
  /** For each source file, one mark for each character that has run. */
  const covered = new Map<string, Uint8Array>();

  function look(isPainting: boolean): number {
    const { result } = post(session, "Profiler.takePreciseCoverage");
    const ours = result.filter(({ url }) => url === also || WATCHED.some((folder) => url.startsWith(folder)));
    return ours.reduce((sum, { url, functions }) => sum + paint(marksOf(url), functions, isPainting), 0);
  }

  function marksOf(url: string): Uint8Array {
    const marks = covered.get(url) ?? new Uint8Array(readFileSync(fileURLToPath(url), "utf8").length);
    covered.set(url, marks);
    return marks;
  }

  return {
    skip: () => void look(false),
    reached: () => look(true),
    wouldReach: () => look(false),
    [Symbol.dispose]: () => {
      session.disconnect();
    },
  };
}

/** Ranges of a function come from the outside in: an inner one says what of the outer one has run, or has not. */
function paint(marks: Uint8Array, functions: readonly Profiler.FunctionCoverage[], isPainting: boolean): number {
  let added = 0;
  for (const { ranges } of functions) {
    const [whole] = ranges;
    if (whole === undefined) continue;
    const { startOffset: start, endOffset: end } = whole;
    const ran = new Uint8Array(Math.max(0, end - start));
    for (const range of ranges) ran.fill(range.count > 0 ? 1 : 0, range.startOffset - start, range.endOffset - start);
    for (const [at, did] of ran.entries()) {
      if (did === 0 || marks[start + at] !== 0) continue;
      added += 1;
      if (isPainting) marks[start + at] = 1;
    }
  }
  return added;
}

/** The inspector of this very thread answers before `post` returns. */
function post(session: Session, method: "Profiler.takePreciseCoverage"): Profiler.TakePreciseCoverageReturnType;
function post(
  session: Session,
  method: "Profiler.enable" | "Profiler.startPreciseCoverage",
  parameters?: object,
): unknown;
function post(session: Session, method: string, parameters: object = {}): unknown {
  const answers: { readonly error: Error | null; readonly result: unknown }[] = [];
  session.post(method, parameters, (error, result) => answers.push({ error, result }));
  const [answer] = answers;
  if (answer?.error !== null) {
    throw new Error(`the inspector does not answer ${method}`, { cause: answer?.error });
  }
  return answer.result;
}
