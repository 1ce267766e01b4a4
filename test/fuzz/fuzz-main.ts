/** A process that fuzzes the targets named: what hangs, crashes or fills the memory takes this process alone with it. */
import { openSync, writeSync } from "node:fs";
import { openCoverage } from "./coverage.ts";
import type { FuzzFailure, FuzzTarget } from "./fuzz-target.ts";
import { fuzzOne, type FuzzResult, type FuzzShare } from "./fuzz-one.ts";
import { keptInputs } from "./kept-inputs.ts";

export interface FuzzPlan {
  /** A module with the list `TARGETS`. */
  readonly registry: string;
  readonly targets: readonly string[];
  readonly seed: number;
  readonly share: FuzzShare;
  /** The input that is being tried: its length in 4 bytes, big-endian, then its bytes. */
  readonly lastInput: string;
}

export type FuzzEvent =
  | { readonly kind: "began"; readonly target: string }
  /** At least once in PULSE_MS while inputs come to an end. */
  | { readonly kind: "pulse" }
  | { readonly kind: "failed"; readonly failure: FuzzFailure }
  | { readonly kind: "ended"; readonly target: string; readonly result: FuzzResult };

/** How often the parent hears that nothing hangs: well below what it waits for. */
const PULSE_MS = 500;

/** A parent that is gone is no reason to go on. */
function tell(event: FuzzEvent): void {
  process.send?.(event, (error: Error | null) => {
    if (error !== null) process.exit(1);
  });
}

const plan = JSON.parse(process.argv[2] ?? "{}") as FuzzPlan;
const { TARGETS } = (await import(plan.registry)) as { readonly TARGETS: readonly FuzzTarget[] };
const lastInput = openSync(plan.lastInput, "w");
const length = Buffer.alloc(4);
let pulsedMs = performance.now();
using coverage = openCoverage(plan.registry);
for (const name of plan.targets) {
  const target = TARGETS.find((one) => one.name === name);
  if (target === undefined) throw new Error(`there is no target ${name}`);
  tell({ kind: "began", target: target.name });
  const result = await fuzzOne({
    target,
    seed: plan.seed,
    share: plan.share,
    coverage,
    regressions: keptInputs(target.name),
    onInput: (input) => {
      length.writeUInt32BE(input.byteLength);
      writeSync(lastInput, length, 0, length.byteLength, 0);
      writeSync(lastInput, input, 0, input.byteLength, length.byteLength);
      if (performance.now() - pulsedMs < PULSE_MS) return;
      pulsedMs = performance.now();
      tell({ kind: "pulse" });
    },
    onFailure: (failure) => {
      tell({ kind: "failed", failure });
    },
  });
  tell({ kind: "ended", target: target.name, result });
}
process.disconnect();
