import { blankInputs, joinInputs, joinKey, rowsOf, splitRows } from "../../common/onnx-batch.ts";
import type { OnnxSession } from "../../common/onnx-session.ts";
import { goldenDifference } from "../../protocol/bundle/golden-compare.ts";
import type { GoldenSet } from "../../protocol/bundle/golden.ts";
import { hasRows, type Batching } from "../../protocol/bundle/serving.ts";
import type { SampleCase } from "./sample-inputs.ts";

/** Of a model that computes within SHORT_MS, even the last of so many answers does not keep the first one waiting for long. */
const MAX_BATCH = 16;
/**
 * A model that computes for longer has more work in a request than there is around it: a batch saves little, takes more
 * memory, and lets each request wait for all. Its publisher can still ask for one.
 */
const SHORT_MS = 0.5;
/** The best of them tells the time, whatever else the machine does; the first ones allocate memory. */
const TIMED_RUNS = 20;
/** A model of seconds is not asked twenty times. */
const TIMED_MS_MAX = 1_000;

/**
 * What `model.json` can say of batches: where the model has rows, computes within SHORT_MS, and answers a batch of the
 * samples as it answers each of them alone. Undefined for any other.
 */
export async function proposeBatching(
  session: Pick<OnnxSession, "inputs" | "outputs" | "run">,
  samples: readonly SampleCase[],
  tolerance: GoldenSet["tolerance"],
): Promise<Batching | undefined> {
  const batch = batchOf(samples);
  if (!hasRows(session) || batch.length === 0 || (await shortestMs(session, batch)) > SHORT_MS) return undefined;
  return (await answersRowByRow(session, batch, tolerance)) ? { maxBatch: MAX_BATCH } : undefined;
}

/** The rows of the samples that can be joined with the first one, again and again until they fill a batch. */
function batchOf([first, ...others]: readonly SampleCase[]): SampleCase[] {
  if (first === undefined) return [];
  const alike = others.filter(({ inputs }) => joinKey(inputs) === joinKey(first.inputs));
  const rows = [first, ...alike].flatMap(({ name, inputs }) => {
    const ones = new Array<number>(rowsOf(inputs) ?? 0).fill(1);
    return (splitRows(inputs, ones) ?? []).map((row) => ({ name, inputs: row }));
  });
  // A row among its like shows nothing.
  const [only] = rows;
  if (rows.length === 1 && only !== undefined) rows.push({ ...only, inputs: blankInputs(only.inputs) });
  return Array.from({ length: Math.min(rows.length, 1) * MAX_BATCH }, (_, at) => rows[at % rows.length] ?? first);
}

async function shortestMs(session: Pick<OnnxSession, "run">, batch: readonly SampleCase[]): Promise<number> {
  let shortest = Infinity;
  const beganMs = performance.now();
  for (let run = 0; run < TIMED_RUNS && performance.now() - beganMs < TIMED_MS_MAX; run += 1) {
    const startedMs = performance.now();
    await session.run(batch[run % batch.length]?.inputs ?? []);
    shortest = Math.min(shortest, performance.now() - startedMs);
  }
  return shortest;
}

async function answersRowByRow(
  session: Pick<OnnxSession, "run">,
  batch: readonly SampleCase[],
  tolerance: GoldenSet["tolerance"],
): Promise<boolean> {
  const together = await session.run(joinInputs(batch.map(({ inputs }) => inputs))).catch(() => []);
  const answers = splitRows(together, new Array<number>(batch.length).fill(1));
  for (const [at, { name, inputs }] of batch.entries()) {
    const alone = await session.run(inputs);
    if (goldenDifference(name, alone, answers?.[at] ?? [], tolerance) !== undefined) return false;
  }
  return true;
}
