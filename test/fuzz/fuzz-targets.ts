/** Fuzzes targets in processes of their own, one after another, and goes on after one that ended badly. */
import { fork, type ChildProcess } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { FuzzEvent, FuzzPlan } from "./fuzz-main.ts";
import type { FuzzResult, FuzzShare } from "./fuzz-one.ts";
import type { FuzzFailure } from "./fuzz-target.ts";

/** One input of any size that a decoder takes at all ends within this, on a machine that does twenty other things too. */
const INPUT_MS_MAX = 60_000;
/** Memory of the process that decodes: a small board has no more to give. Compressed bodies may grow to 64 MB. */
const HEAP_MEGABYTES = 320;

export interface FuzzOptions {
  readonly registry: URL;
  readonly targets: readonly string[];
  readonly seed: number;
  readonly share: FuzzShare;
  readonly onResult?: (target: string, result: FuzzResult) => void;
}

/** Everything that was found; a target whose process ended badly is not tried further. */
export async function fuzzTargets({ registry, targets, seed, share, onResult }: FuzzOptions): Promise<FuzzFailure[]> {
  const folder = mkdtempSync(join(tmpdir(), "modelferry-fuzz-"));
  const failures: FuzzFailure[] = [];
  try {
    let left = targets;
    while (left.length > 0) {
      const plan = { registry: registry.href, targets: left, seed, share, lastInput: join(folder, "input") };
      const began = await runOnce(plan, failures, onResult ?? (() => undefined));
      if (began === undefined) break;
      left = left.slice(left.indexOf(began) + 1);
    }
    return failures;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** The target at which the process ended badly; undefined when it came through. */
async function runOnce(
  plan: FuzzPlan,
  failures: FuzzFailure[],
  onResult: (target: string, result: FuzzResult) => void,
): Promise<string | undefined> {
  const child = fork(new URL("fuzz-main.ts", import.meta.url), [JSON.stringify(plan)], {
    serialization: "advanced",
    execArgv: [`--max-old-space-size=${String(HEAP_MEGABYTES)}`, "--disable-warning=ExperimentalWarning"],
    stdio: ["ignore", "ignore", "pipe", "ipc"],
  });
  let current: string | undefined;
  let said = "";
  child.stderr?.on("data", (text: Buffer) => (said = (said + text.toString()).slice(-2_000)));
  const watch = watchOver(child);
  child.on("message", (event: FuzzEvent) => {
    watch.pulse();
    switch (event.kind) {
      case "began":
        current = event.target;
        return;
      case "failed":
        failures.push(event.failure);
        return;
      case "ended":
        onResult(event.target, event.result);
        current = undefined;
        return;
      case "pulse":
        return;
    }
  });
  const how = await watch.ended;
  if (how === undefined && current === undefined) return undefined;
  if (current === undefined) throw new Error(`the process that fuzzes ${how ?? "ended"} before it began: ${said}`);
  failures.push({
    target: current,
    why: `${how ?? "ended"} ${firstLine(said)}`.trim(),
    input: lastInputIn(plan.lastInput),
  });
  return current;
}

/** Resolves to how the process ended badly, or to undefined. */
function watchOver(child: ChildProcess) {
  let hangs = false;
  const hang = () => {
    hangs = true;
    child.kill("SIGKILL");
  };
  let timer = setTimeout(hang, INPUT_MS_MAX);
  const ended = new Promise<string | undefined>((resolve) => {
    child.once("exit", (code, signal) => {
      clearTimeout(timer);
      if (hangs) resolve(`does not end within ${String(INPUT_MS_MAX / 1_000)} s`);
      else if (signal !== null) resolve(`ends the process with ${signal}`);
      else resolve(code === 0 ? undefined : `ends the process with code ${String(code)}`);
    });
  });
  const pulse = () => {
    clearTimeout(timer);
    timer = setTimeout(hang, INPUT_MS_MAX);
  };
  return { ended, pulse };
}

function firstLine(said: string): string {
  return said.split("\n").find((line) => /error|fatal/i.test(line)) ?? "";
}

function lastInputIn(path: string): Uint8Array {
  if (!existsSync(path)) return new Uint8Array();
  const bytes = readFileSync(path);
  return bytes.subarray(4, 4 + bytes.readUInt32BE(0));
}
