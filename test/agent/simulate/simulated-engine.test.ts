import t from "tap";
import type { VerifiedBundle } from "../../../agent/inference/inference-engine.ts";
import { createSimulatedEngine } from "../../../agent/simulate/simulated-engine.ts";
import type { Fault } from "../../../agent/simulate/conduct.ts";
import { probe } from "../../../agent/update/probe.ts";
import { DIGITS, modelJson, statement } from "../../support/device-views.ts";
import { seededRandom } from "../../support/seeded-random.ts";
import { virtualClock } from "../../support/virtual-clock.ts";

function bundleOf(version: string, digit: string): VerifiedBundle {
  return { directory: digit, statement: statement(digit), model: modelJson(version) };
}

const [one, two] = [bundleOf("1.0.0", "1"), bundleOf("1.1.0", "2")];

interface EngineOptions {
  readonly fault?: Fault;
  readonly failRate?: number;
  readonly luck?: number;
}

function openEngine({ fault, failRate = 0, luck = 0.5 }: EngineOptions = {}) {
  const clock = virtualClock();
  const seen = { answered: 0, failed: 0, crashed: 0, compared: 0, differed: 0, slowestMs: 0 };
  const engine = createSimulatedEngine({
    conduct: { failRate, latencyMs: 10, bad: new Map(fault === undefined ? [] : [["digits@1.1.0", fault]]) },
    luckOf: () => luck,
    observer: {
      answered: (_slot, { inferMs }) => {
        seen.answered += 1;
        seen.slowestMs = Math.max(seen.slowestMs, inferMs);
      },
      failed: () => (seen.failed += 1),
      crashed: () => (seen.crashed += 1),
      compared: (_slot, _version, { isSame }) => {
        seen.compared += 1;
        if (!isSame) seen.differed += 1;
      },
    },
    clock,
    random: seededRandom(1),
  });
  const qualify = async (bundle: VerifiedBundle) => {
    const outcome = engine.qualify(DIGITS, bundle, new AbortController().signal);
    await clock.advance(1_000);
    return outcome;
  };
  /** Takes the traffic; gives what applications did within two minutes. */
  const activate = async (bundle: VerifiedBundle) => {
    const outcome = await qualify(bundle);
    if (outcome.kind === "qualified") await engine.activate(DIGITS, outcome.candidate);
  };
  const serve = async (ms: number) => {
    const stopping = new AbortController();
    const running = engine.run(stopping.signal);
    await clock.advance(ms);
    stopping.abort();
    await running;
  };
  return { engine, seen, qualify, activate, serve };
}

t.test("a sound version qualifies, is asked steadily, and passes its soak", async (t) => {
  const { engine, seen, activate, serve } = openEngine();
  await activate(one);
  await serve(60_000);
  t.match(engine.slots(), [{ slot: DIGITS, ready: true, evidence: { provider: "simulated" } }]);
  t.ok(seen.answered >= 100 && seen.failed === 0 && seen.crashed === 0, JSON.stringify(seen));
  const observed = engine.observed(DIGITS);
  t.match(observed, { statement: one.statement, requests: seen.answered, failed: 0, badOutputs: 0, crashes: 0 });
});

const faults: readonly { readonly fault: Fault; readonly refused: string }[] = [
  { fault: "errors", refused: "soak-errors" },
  { fault: "nan", refused: "soak-outputs" },
  { fault: "crashes", refused: "soak-crashes" },
  { fault: "slow", refused: "soak-latency" },
];

for (const { fault, refused } of faults) {
  t.test(`a version with the fault "${fault}" is found out by the real judge of a soak: ${refused}`, async (t) => {
    const { engine, activate, serve } = openEngine({ fault });
    await activate(one);
    await activate(two);
    await serve(120_000);
    const observed = engine.observed(DIGITS);
    if (observed === undefined) throw new Error("nothing is active");
    const verdict = probe({ ...observed, budgetP95Ms: 15 }, { soakMs: 60_000, untilMs: 60_000 }, 120_000);
    t.match(verdict, { kind: "fail", refusal: { code: refused } });
    await engine.turnBack(DIGITS);
    t.match(engine.slots(), [{ bundle: { statement: one.statement } }], "what stood by answers again");
  });
}

t.test("a version that disagrees with the one before it does so only where somebody compares", async (t) => {
  const { engine, seen, activate, serve } = openEngine({ fault: "disagrees" });
  await activate(one);
  await activate(two);
  await serve(120_000);
  t.ok(seen.compared > 100 && seen.differed > 5 && seen.failed === 0, JSON.stringify(seen));
  await engine.release(DIGITS);
  const { compared } = seen;
  await serve(10_000);
  t.equal(seen.compared, compared, "without a standby there is nothing to compare with");
});

t.test("a version that fails its self-test never gets traffic; by the rate only on unlucky devices", async (t) => {
  t.match(await openEngine({ fault: "self-test" }).qualify(two), { kind: "refused", refusal: { code: "self-test" } });
  t.match(await openEngine({ failRate: 0.1, luck: 0.05 }).qualify(two), { kind: "refused" });
  t.match(await openEngine({ failRate: 0.1, luck: 0.2 }).qualify(two), { kind: "qualified" });
});

t.test("a slot that is cleared is asked no more", async (t) => {
  const { engine, seen, activate, serve } = openEngine();
  await activate(one);
  await engine.clear(DIGITS);
  await serve(10_000);
  t.strictSame(engine.slots(), []);
  t.equal(engine.observed(DIGITS), undefined);
  t.equal(await engine.turnBack(DIGITS), undefined);
  t.equal(seen.answered, 0);
});
