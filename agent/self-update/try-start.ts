/** Asks a version of the agent what it is, by starting it: what cannot be loaded here does not answer. */
import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { messageOf } from "../../common/ferry-error.ts";
import type { Refusal } from "../../protocol/trust/refusal.ts";
import { checkProgramVersion, startRefusal, type Schemas } from "./judge-start.ts";

export interface TryStart {
  readonly program: string;
  /** The version that its bundle calls it. */
  readonly label: string;
  readonly schemas: Schemas;
  readonly signal: AbortSignal;
}

/** A packaged agent takes a second on a small board; an overloaded one gets its time. */
const ANSWER_MS_MAX = 60_000;
const ANSWER_BYTES_MAX = 65_536;

const run = promisify(execFile);

/** Undefined where it may be started. */
export async function tryStart({ program, label, schemas, signal }: TryStart): Promise<Refusal | undefined> {
  let text: string;
  try {
    const options = { timeout: ANSWER_MS_MAX, maxBuffer: ANSWER_BYTES_MAX, signal };
    text = (await run(program, ["version", "-o", "json"], options)).stdout;
  } catch (thrown) {
    signal.throwIfAborted();
    return { code: "agent-start", message: `It does not start on this device: ${lastLine(thrown)}`.slice(0, 1_000) };
  }
  try {
    return startRefusal(label, checkProgramVersion(JSON.parse(text)), schemas);
  } catch (thrown) {
    return { code: "agent-start", message: `It does not say what it is: ${messageOf(thrown)}`.slice(0, 1_000) };
  }
}

/** The dynamic loader and Node.js both end with what was wrong. */
function lastLine(thrown: unknown): string {
  const said = thrown instanceof Error && "stderr" in thrown ? String(thrown.stderr).trim() : "";
  return said === ""
    ? messageOf(thrown)
    : (said.split("\n").find((line) => /error|not found|cannot/i.test(line)) ?? said);
}
