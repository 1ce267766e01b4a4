import t from "tap";
import type { VerifiedBundle } from "../../../../agent/inference/inference-engine.ts";
import {
  ask,
  failureOf,
  killReadyRunner,
  numbers,
  openEngine,
  qualified,
  runnerPids,
  serve,
  signalRunner,
  startLoad,
  turnOver,
} from "../../../support/engine-bench.ts";
import { floats, sileroInputs, writeRoot, writePlusOne, writeSilero } from "../../../support/model-folders.ts";
import { until } from "../../../support/until.ts";

const one = [floats("x", [1], [1])];

async function plusOnes(directory: string) {
  return {
    former: await writePlusOne(`${directory}/1`),
    next: await writePlusOne(`${directory}/2`, { version: "2.0.0" }),
    third: await writePlusOne(`${directory}/3`, { version: "3.0.0" }),
  };
}

t.test("after a swap the former version stands by until it is released", async (t) => {
  await using engine = openEngine();
  const { former, next } = await plusOnes(t.testdir());
  await serve(engine, former);
  await turnOver(engine, next);
  t.equal((await ask(engine, next, one)).version, "2.0.0");
  t.equal(runnerPids().length, 2);
  t.same(
    engine.gauges().map(({ version }) => version),
    ["1.0.0", "2.0.0"],
  );
  await engine.release(next.model.name);
  t.equal(runnerPids().length, 1);
  t.equal((await ask(engine, next, one)).version, "2.0.0");
  await engine.release(next.model.name);
});

t.test("the inputs of an answered request are free, except while another version may answer it too", async (t) => {
  await using engine = openEngine();
  const { former, next } = await plusOnes(t.testdir());
  await serve(engine, former);
  const slot = former.model.name;
  const freed = async () => {
    let times = 0;
    const onInputsFree = () => {
      times += 1;
    };
    await engine.infer({ slot, inputs: one, timeoutMs: 20_000, onInputsFree });
    return times;
  };
  t.equal(await freed(), 1);
  const refused = engine.infer({ slot, inputs: [], timeoutMs: 20_000, onInputsFree: () => t.fail("it has no answer") });
  await failureOf(refused);
  await turnOver(engine, next);
  t.equal(await freed(), 0, "the first is compared with what stands by");
  await engine.release(slot);
  t.equal(await freed(), 1);
  signalRunner(0, "SIGSTOP");
  const waiting = freed();
  await killReadyRunner(engine);
  t.equal(await waiting, 0, "a runner ended over it, and what was meant for that one may still be there");
});

t.test("turning back under load loses no request, and the process of the failed version ends", async (t) => {
  await using engine = openEngine();
  const directory = t.testdir();
  const former = await writeSilero(directory, 5);
  const next = await writeSilero(directory, 6);
  await serve(engine, former);
  const load = startLoad(engine, former, sileroInputs());
  for (let round = 0; round < 2; round += 1) {
    await turnOver(engine, next);
    const answered = load.versions.length;
    await until("the new version answers", () => load.versions.length > answered + 50);
    t.equal(load.versions.at(-1), "6.0.0");
    t.match(await engine.turnBack(former.model.name), { statement: former.statement });
    t.equal(engine.slots()[0]?.bundle.statement, former.statement);
    await until("the process ends", () => runnerPids().length === 1);
  }
  const answered = load.versions.length;
  await until("the former version answers", () => load.versions.length > answered + 50);
  const { versions, failures } = await load.stop();
  t.same(failures, []);
  t.same(new Set(versions.slice(-20)), new Set(["5.0.0"]));
});

t.test("what is bound to the version that is turned back from is still answered by it", async (t) => {
  await using engine = openEngine();
  const { former, next } = await plusOnes(t.testdir());
  await serve(engine, former);
  await turnOver(engine, next);
  signalRunner(1, "SIGSTOP");
  const request = { slot: next.model.name, inputs: one, timeoutMs: 20_000 };
  const bound = Array.from({ length: 5 }, () => engine.infer({ ...request, version: next.model.version }));
  const free = Array.from({ length: 5 }, () => engine.infer(request));
  await engine.turnBack(next.model.name);
  t.equal((await free[4])?.version, "1.0.0", "a request that waits goes to the standby");
  signalRunner(1, "SIGCONT");
  t.same(new Set((await Promise.all(bound)).map(({ version }) => version)), new Set(["2.0.0"]));
  await Promise.all(free);
});

t.test("a third version leaves the first one as the standby", async (t) => {
  await using engine = openEngine();
  const { former, next, third } = await plusOnes(t.testdir());
  await serve(engine, former);
  await turnOver(engine, next);
  await turnOver(engine, third);
  await until("the second version ends", () => runnerPids().length === 2);
  t.equal((await ask(engine, third, one)).version, "3.0.0");
  t.match(await engine.turnBack(third.model.name), { statement: former.statement });
  t.equal((await ask(engine, former, one)).version, "1.0.0");
});

t.test("without a standby turning back clears the slot", async (t) => {
  await using engine = openEngine();
  const { former } = await plusOnes(t.testdir());
  await serve(engine, former);
  t.equal(await engine.turnBack(former.model.name), undefined);
  t.same(engine.slots(), []);
  t.same(runnerPids(), []);
  t.match(await failureOf(ask(engine, former, one)), { failure: "unknown-model" });
  t.equal(engine.observed(former.model.name), undefined);
});

t.test("a standby that crashed answers again after turning back", async (t) => {
  await using engine = openEngine();
  const { former, next } = await plusOnes(t.testdir());
  await serve(engine, former);
  await turnOver(engine, next);
  signalRunner(0, "SIGKILL");
  await engine.turnBack(former.model.name);
  t.equal((await ask(engine, former, one)).version, "1.0.0");
});

t.test("a version is observed from the moment it gets the traffic", async (t) => {
  await using engine = openEngine();
  const { former, next } = await plusOnes(t.testdir());
  await serve(engine, former);
  await ask(engine, former, one);
  const candidate = await qualified(engine, next);
  t.match(engine.observed(former.model.name), { statement: former.statement, requests: 1, failed: 0, badOutputs: 0 });
  await engine.activate(next.model.name, candidate);
  t.match(engine.observed(next.model.name), { statement: next.statement, requests: 0, latencyP95Ms: undefined });
  await Promise.all([ask(engine, next, one), ask(engine, next, one)]);
  t.match(engine.observed(next.model.name), { requests: 2, crashes: 0, recentCrashes: 0 });
  t.ok((engine.observed(next.model.name)?.latencyP95Ms ?? 0) > 0);
  await engine.turnBack(next.model.name);
  t.match(engine.observed(next.model.name), { statement: former.statement, requests: 0 });
});

t.test("what the model refuses and what kills its runner is observed", async (t) => {
  await using engine = openEngine();
  const bundle = await writeSilero(t.testdir(), 5);
  await turnOver(engine, bundle);
  const [, state, rate] = sileroInputs();
  if (state === undefined || rate === undefined) throw new Error("no inputs");
  const unfit = floats("input", [3, 7], new Array<number>(21).fill(0));
  await failureOf(ask(engine, bundle, [unfit, state, rate]));
  t.match(engine.observed(bundle.model.name), { requests: 1, failed: 1, crashes: 0 });
  for (let crash = 1; crash <= 3; crash += 1) {
    await killReadyRunner(engine);
    await until("the crash is seen", () => engine.observed(bundle.model.name)?.recentCrashes === crash);
  }
  await ask(engine, bundle, sileroInputs());
  t.match(engine.observed(bundle.model.name), { requests: 2, failed: 1, crashes: 3, recentCrashes: 3 });
});

t.test("answers outside the range that model.json declares are counted as bad", async (t) => {
  await using engine = openEngine();
  const outputs = [{ name: "y", datatype: "FP32" as const, shape: [-1], range: [0, 10] as [number, number] }];
  const bundle = await writePlusOne(t.testdir(), { describe: { outputs } });
  await turnOver(engine, bundle);
  for (const value of [9, 9.5, 20]) await ask(engine, bundle, [floats("x", [1], [value])]);
  t.match(engine.observed(bundle.model.name), { requests: 3, failed: 0, badOutputs: 2 });
});

const roots: readonly { what: string; write: (directory: string) => Promise<VerifiedBundle>; badOutputs: number }[] = [
  { what: "NaN from finite numbers is counted", write: (at) => writeRoot(at, [4, 9]), badOutputs: 1 },
  { what: "NaN that the golden set has too is none", write: (at) => writeRoot(at, [4, -9]), badOutputs: 0 },
];
for (const { what, write, badOutputs } of roots) {
  t.test(`of bad outputs: ${what}`, async (t) => {
    await using engine = openEngine();
    const bundle = await write(t.testdir());
    await turnOver(engine, bundle);
    t.same(numbers(await ask(engine, bundle, [floats("x", [2], [16, -1])])), [4, NaN]);
    await ask(engine, bundle, [floats("x", [1], [NaN])]);
    await ask(engine, bundle, [floats("x", [1], [1])]);
    t.match(engine.observed(bundle.model.name), { requests: 3, failed: 0, badOutputs });
  });
}
