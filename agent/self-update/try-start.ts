/** Asks a version of the agent what it is, and to test itself on this device, by starting it twice: see `self-test/self-test.ts`. */
import { execFile } from "node:child_process";
import { messageOf } from "../../common/ferry-error.ts";
import type { Refusal } from "../../protocol/trust/refusal.ts";
import { lowerPriority } from "../hardware/process-priority.ts";
import { checkProgramVersion, checkSelfTest, selfTestRefusal, startRefusal, type Schemas } from "./judge-start.ts";

export interface TryStart {
  readonly program: string;
  /** The version that its bundle calls it. */
  readonly label: string;
  readonly schemas: Schemas;
  readonly bounds?: StartBounds;
  readonly signal: AbortSignal;
}

interface StartBounds {
  readonly versionMs: number;
  readonly selfTestMs: number;
}

const BOUNDS: StartBounds = {
  /** A packaged agent takes a second on a small board; an overloaded one gets its time. */
  versionMs: 60_000,
  /** Each provider computes in a process of its own; a graphics driver that starts for the first time takes a minute. */
  selfTestMs: 240_000,
};
/** A self-test with three providers that do not work prints 4 kB. */
const ANSWER_BYTES_MAX = 65_536;
/** Of a refusal's message, which holds 1,000 characters. */
const SAID_CHARS_MAX = 700;

/** Undefined where it may be started. */
export async function tryStart(options: TryStart): Promise<Refusal | undefined> {
  const { label, schemas, bounds = BOUNDS } = options;
  const version = await ask(options, ["version", "-o", "json"], bounds.versionMs);
  if (version.kind === "late") return late("It did not say its version", bounds.versionMs, version.said);
  if (version.kind === "failed") return refused(`It does not start on this device: ${version.why}`);
  let refusal: Refusal | undefined;
  try {
    refusal = startRefusal(label, checkProgramVersion(JSON.parse(version.stdout)), schemas);
  } catch (thrown) {
    return refused(`It does not say what it is: ${messageOf(thrown)}`);
  }
  return refusal ?? (await tryItself(options, bounds));
}

async function tryItself(options: TryStart, { selfTestMs }: StartBounds): Promise<Refusal | undefined> {
  const test = await ask(options, ["self-test"], selfTestMs);
  if (test.kind === "late") return late("Its self-test was not done", selfTestMs, test.said);
  const ended = test.kind === "failed" ? refused(`Its self-test ends on this device: ${test.why}`) : undefined;
  try {
    // One that does not hold ends with an error too, after it has said what.
    return selfTestRefusal(checkSelfTest(JSON.parse(test.stdout))) ?? ended;
  } catch (thrown) {
    return ended ?? refused(`Its self-test does not say how it ended: ${messageOf(thrown)}`);
  }
}

function refused(message: string): Refusal {
  return { code: "agent-start", message: message.slice(0, 1_000) };
}

/** A device that is overloaded may pass: it is tried again. */
function late(what: string, boundMs: number, said: string): Refusal {
  const message = `${what} within ${String(Math.round(boundMs / 1_000))} s${said === "" ? "" : `: ${said}`}`;
  return { code: "deadline", message: message.slice(0, 1_000) };
}

type Answer =
  | { readonly kind: "answered"; readonly stdout: string }
  | { readonly kind: "failed"; readonly stdout: string; readonly why: string }
  | { readonly kind: "late"; readonly said: string };

/** Rejects where `signal` aborts. With the least priority: what answers meanwhile comes first. */
async function ask({ program, signal }: TryStart, args: readonly string[], boundMs: number): Promise<Answer> {
  const answered = Promise.withResolvers<Answer>();
  // What ignores SIGTERM must not outlive its time.
  const options = { timeout: boundMs, killSignal: "SIGKILL", maxBuffer: ANSWER_BYTES_MAX, signal } as const;
  const child = execFile(program, args, options, (error, stdout, stderr) => {
    if (error === null) answered.resolve({ kind: "answered", stdout });
    else if (error.killed === true && typeof error.code !== "string")
      answered.resolve({ kind: "late", said: lastWords(stderr) });
    else answered.resolve({ kind: "failed", stdout, why: lastWords(stderr) || endOf(error) });
  });
  if (child.pid !== undefined) lowerPriority(child.pid);
  const answer = await answered.promise;
  signal.throwIfAborted();
  return answer;
}

function endOf({ code, signal, message }: { code?: unknown; signal?: unknown; message: string }): string {
  if (typeof signal === "string") return `it was ended by ${signal}`;
  return typeof code === "number" ? `it ended with exit status ${String(code)}` : message;
}

/** The dynamic loader and Node.js both say what was wrong in one line, amid others. */
function lastWords(stderr: string): string {
  const lines = stderr.trim().split("\n");
  const telling = lines.find((line) => /error|not found|cannot/i.test(line)) ?? lines.slice(-5).join(" ");
  return telling.trim().slice(-SAID_CHARS_MAX);
}
