import t, { type Test } from "tap";
import { join } from "node:path";
import type { InferenceObserver } from "../../../../agent/inference/inference-engine.ts";
import { StandbyComparison } from "../../../../agent/inference/slot/standby-comparison.ts";
import type { Tensor } from "../../../../protocol/tensor.ts";
import { ask, openEngine, serve, turnOver } from "../../../support/engine-bench.ts";
import { manualClock } from "../../../support/manual-clock.ts";
import { floats, writePlusOne } from "../../../support/model-folders.ts";
import { until } from "../../../support/until.ts";

const answered = { inputs: [floats("x", [1], [1])], outputs: [floats("y", [1], [2])] };
const oneTurn = () => new Promise<void>((resolve) => setImmediate(resolve));

function openComparison() {
  const clock = manualClock(0);
  const comparison = new StandbyComparison(clock);
  const told: boolean[] = [];
  let asked = 0;
  return {
    clock,
    comparison,
    told,
    get asked() {
      return asked;
    },
    offer: (answer: () => Promise<readonly Tensor[] | undefined>) => {
      comparison.offer(
        () => {
          asked += 1;
          return answer();
        },
        answered,
        ({ isSame }) => told.push(isSame),
      );
    },
  };
}

t.test(
  "an answer is compared after it was given, and the next one no sooner than a fifth of a second later",
  async (t) => {
    const { clock, comparison, told, offer } = openComparison();
    const agree = () => Promise.resolve(answered.outputs);
    offer(agree);
    t.same(told, [], "not while the caller waits");
    await oneTurn();
    t.same(told, [true]);
    t.notOk(comparison.isDue);
    offer(agree);
    clock.advance(199);
    offer(agree);
    await oneTurn();
    t.same(told, [true]);
    clock.advance(1);
    offer(agree);
    await oneTurn();
    t.same(told, [true, true]);
  },
);

t.test("a standby that is slow rests four times as long as it computed", async (t) => {
  const { clock, comparison, offer } = openComparison();
  const computed = Promise.withResolvers<readonly Tensor[]>();
  offer(() => computed.promise);
  await oneTurn();
  clock.advance(1_000);
  t.notOk(comparison.isDue, "one at a time");
  computed.resolve(answered.outputs);
  await oneTurn();
  clock.advance(3_999);
  t.notOk(comparison.isDue);
  clock.advance(1);
  t.ok(comparison.isDue);
});

t.test("a standby that cannot answer is no disagreement", async (t) => {
  const { told, offer } = openComparison();
  offer(() => Promise.resolve(undefined));
  await oneTurn();
  t.same(told, []);
});

t.test("a request of many megabytes is not compared", async (t) => {
  const { comparison } = openComparison();
  const large = floats("x", [2 ** 21], new Float32Array(2 ** 21));
  let asked = 0;
  const ask = () => Promise.resolve(void (asked += 1)).then(() => undefined);
  comparison.offer(ask, { inputs: [large], outputs: [] }, () => undefined);
  await oneTurn();
  t.equal(asked, 0);
});

/** What the engine compares while 2.0.0, which adds `added`, soaks beside 1.0.0. */
async function soak(t: Test, added: number, x: readonly number[]) {
  const told: string[] = [];
  const observer: InferenceObserver = {
    answered: () => undefined,
    failed: () => undefined,
    crashed: () => undefined,
    compared: (slot, version, { isSame, distance }) => told.push(`${slot} ${version} ${isSame} ${distance}`),
  };
  const engine = openEngine({ observers: [observer] });
  t.teardown(() => engine[Symbol.asyncDispose]());
  const directory = t.testdir();
  const former = await writePlusOne(join(directory, "1"));
  const next = await writePlusOne(join(directory, "2"), { version: "2.0.0" }, added);
  await serve(engine, former);
  const input = floats("x", [x.length], x);
  await ask(engine, former, [input]);
  t.same(told, [], "alone, a version is compared with nothing");
  await turnOver(engine, next);
  await until("answers were compared", async () => {
    await ask(engine, next, [input]);
    return told.length >= 2;
  });
  await engine.release(next.model.name);
  const soaked = told.length;
  for (let n = 0; n < 20; n += 1) await ask(engine, next, [input]);
  t.ok(told.length <= soaked + 1, "once it has committed, nothing is there to compare with");
  return told.slice(0, 2);
}

t.test("while a version soaks, its answers are held against those of the version before", async (t) => {
  t.same(await soak(t, 2, [41]), ["plus-one 2.0.0 false 1", "plus-one 2.0.0 false 1"]);
});

t.test("a version that ranks the classes alike agrees, whatever its scores", async (t) => {
  t.same(await soak(t, 2, [3, 7, 5]), ["plus-one 2.0.0 true 1", "plus-one 2.0.0 true 1"]);
});
