/**
 * How often the default gates stop a rollout of a version that is the same, and one of a version that is not. Telemetry of
 * devices with habits, bad minutes and times of day; `test/support/noisy-rollouts.ts` has the noise.
 */
import { parseArgs } from "node:util";
import { DEFAULT_GATES, deviceSoakFor } from "../../controller/rollout/default-gates.ts";
import { runNoisyRollout, type Fault } from "../../test/support/noisy-rollouts.ts";

const { values } = parseArgs({
  options: {
    rollouts: { type: "string", default: "500" },
    faulty: { type: "string", default: "200" },
    seed: { type: "string", default: "1" },
  },
});

/** Devices of the canary and of the stage after it. */
const STAGES = [5, 20];
const SOAK_MS = 600_000;
const FORMER_MS = 3_600_000;

interface Outcome {
  /** The metrics of the gates that failed first, and in which stage. */
  readonly failed: readonly string[];
  readonly stage: number;
  readonly afterMs: number;
  /** At the end of the soak, every gate. */
  readonly passed: boolean;
}

/** One stage after the other, until one does not pass; what does not fail and does not pass waits and asks. */
function play(seed: number, fault: Fault, stages: readonly number[]): Outcome {
  let passed = false;
  for (const [stage, devices] of stages.entries()) {
    let afterMs = 0;
    const rollout = { gates: DEFAULT_GATES, devices, fault, formerMs: FORMER_MS, soakMs: SOAK_MS };
    const compareMs = deviceSoakFor(DEFAULT_GATES) ?? 0;
    for (const results of runNoisyRollout({ ...rollout, compareMs, seed: 1_000 * seed + stage })) {
      afterMs += 10_000;
      const failed = results.filter(({ verdict }) => verdict === "fail").map(({ metric }) => metric);
      if (failed.length > 0) return { failed, stage, afterMs, passed: false };
      passed = results.every(({ verdict }) => verdict === "pass");
    }
    if (!passed) return { failed: [], stage, afterMs, passed };
  }
  return { failed: [], stage: stages.length, afterMs: 0, passed };
}

function playAll(what: string, count: number, fault: Fault, stages: readonly number[]): void {
  const outcomes = Array.from({ length: count }, (_, run) => play(Number(values.seed) + run, fault, stages));
  const failed = outcomes.filter((outcome) => outcome.failed.length > 0);
  const passed = outcomes.filter((outcome) => outcome.passed).length;
  const times = failed.map(({ afterMs }) => afterMs / 1_000).sort((a, b) => a - b);
  const share = (part: number) => `${((100 * part) / count).toFixed(1)} %`.padStart(7);
  const metrics = [...new Set(failed.flatMap((outcome) => outcome.failed))].join(", ");
  const held = count - failed.length - passed;
  const after =
    failed.length === 0 ? "" : `; half of them within ${times[Math.floor(times.length / 2)] ?? 0} s (${metrics})`;
  console.log(
    `${what.padEnd(34)} failed ${share(failed.length)}   held and asked ${share(held)}   passed ${share(passed)}${after}`,
  );
}

console.log(`gates: ${DEFAULT_GATES.map(({ metric }) => metric).join(", ")}`);
console.log(`${values.rollouts} rollouts of the same version, stages of ${STAGES.join(" and ")} devices, 10 min each:`);
playAll("the same version", Number(values.rollouts), {}, STAGES);
console.log(`${values.faulty} canary stages of ${STAGES[0] ?? 0} devices each of a version with a fault:`);
const faults: readonly (readonly [what: string, fault: Fault])[] = [
  ["swaps two labels of ten", { differs: 0.2 }],
  ["answers NaN", { differs: 1 }],
  ["takes 3 times as long", { slower: 3 }],
  ["answers 2 % otherwise", { differs: 0.02 }],
  ["fails 5 % more", { failsMore: 0.05 }],
  ["takes twice as long", { slower: 2 }],
  ["crashes 10 times an hour", { crashesPerHour: 10 }],
];
for (const [what, fault] of faults) playAll(what, Number(values.faulty), fault, STAGES.slice(0, 1));
