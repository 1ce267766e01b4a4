import t from "tap";
import { DEFAULT_GATES, defaultGates, deviceSoakFor } from "../../../controller/rollout/default-gates.ts";
import { gateMistake } from "../../../controller/rollout/gate-metrics.ts";
import type { RolloutStage } from "../../../controller/rollout/rollout-spec.ts";
import { runNoisyRollout, type Fault } from "../../support/noisy-rollouts.ts";

const stage = (soakMs: number): RolloutStage => ({
  name: "canary",
  take: { kind: "share", share: 1, min: 1 },
  soakMs,
  approval: "none",
});

t.test("the default gates are gates, and a rollout that soaks has them", async (t) => {
  t.same(DEFAULT_GATES.map(gateMistake).filter(Boolean), []);
  t.equal(defaultGates([stage(0), stage(600_000)]), DEFAULT_GATES);
  t.same(defaultGates([stage(0)]), []);
});

t.test("who compares with the version before needs devices that keep it for a while", async (t) => {
  t.ok(Number(deviceSoakFor(DEFAULT_GATES)) >= 60_000);
  t.equal(deviceSoakFor([{ metric: "crashes", max: 1 }]), undefined);
});

/** Ten minutes of five devices. `scripts/bench/gates` does the same some hundred times, and counts. */
function canary(seed: number, fault: Fault): { failed: string | undefined; passed: boolean } {
  let passed = false;
  const rollout = { gates: DEFAULT_GATES, devices: 5, formerMs: 3_600_000, soakMs: 600_000, compareMs: 300_000 };
  for (const results of runNoisyRollout({ ...rollout, seed, fault })) {
    const failed = results.find(({ verdict }) => verdict === "fail");
    if (failed !== undefined) return { failed: failed.metric, passed: false };
    passed = results.every(({ verdict }) => verdict === "pass");
  }
  return { failed: undefined, passed };
}

const SEEDS = [1, 2, 3, 4, 5];

t.test("a version that is the same as before never fails, and passes", async (t) => {
  const outcomes = SEEDS.map((seed) => canary(seed, {}));
  t.same(
    outcomes.filter(({ failed }) => failed !== undefined),
    [],
  );
  t.ok(outcomes.filter(({ passed }) => passed).length >= SEEDS.length - 1);
});

const faults: readonly { readonly what: string; readonly fault: Fault; readonly metric: string }[] = [
  { what: "that swaps two labels", fault: { differs: 0.2 }, metric: "agreement_top1" },
  { what: "whose answers are no numbers", fault: { differs: 1 }, metric: "agreement_top1" },
  { what: "that takes three times as long", fault: { slower: 3 }, metric: "latency_p95_ms" },
];
for (const { what, fault, metric } of faults) {
  t.test(`a version ${what} fails in the canary stage`, async (t) => {
    for (const seed of SEEDS) t.match(canary(seed, fault), { failed: metric }, `seed ${seed}`);
  });
}

t.test("a version that answers 2 % otherwise never passes the canary stage", async (t) => {
  for (const seed of SEEDS) t.match(canary(seed, { differs: 0.02 }), { passed: false }, `seed ${seed}`);
});
