import t, { type Test } from "tap";
import type { Execution, InferenceEngine, VerifiedBundle } from "../../../../agent/inference/inference-engine.ts";
import type { InferenceEngineOptions } from "../../../../agent/inference/open-inference-engine.ts";
import type { Serving } from "../../../../protocol/bundle/serving.ts";
import {
  ask,
  collectLost,
  failureOf,
  hastyClock,
  numbers,
  openEngine,
  runnerKilledBy,
  runnerPids,
  serve,
  signalRunner,
  startLoad,
  turnOver,
} from "../../../support/engine-bench.ts";
import { floats, writePlusOne } from "../../../support/model-folders.ts";
import { until } from "../../../support/until.ts";

const POISON = 666;
const x = (...values: number[]) => [floats("x", [values.length], values)];
const poisonOf = (at: number) => x(POISON, at);

/** An engine on a machine with many processors that serves x + 1, and what it says of its work. */
async function serving(t: Test, how: Serving, options: Partial<InferenceEngineOptions> = {}) {
  const executions: Execution[] = [];
  const observer = {
    answered: () => undefined,
    failed: () => undefined,
    crashed: () => undefined,
    executed: (_slot: string, _version: string, execution: Execution) => executions.push(execution),
  };
  const engine = openEngine({ processors: 8, observers: [observer], ...options });
  t.teardown(() => engine[Symbol.asyncDispose]());
  const bundle = await writePlusOne(t.testdir(), { describe: { serving: how } });
  await serve(engine, bundle);
  return { engine, bundle, executions, lost: collectLost(engine) };
}

const turn = () => new Promise((resolve) => setImmediate(resolve));

/** Holds the runner still with all that it takes at once; `goOn` gives what was asked. */
async function holdBusy(engine: InferenceEngine, bundle: VerifiedBundle) {
  signalRunner(0, "SIGSTOP");
  const first: Promise<unknown>[] = [];
  for (let batch = 0; batch < 2; batch += 1) {
    first.push(ask(engine, bundle, x(0)));
    // It is handed over in a turn of its own.
    await turn();
    await turn();
  }
  return {
    goOn: async () => {
      signalRunner(0, "SIGCONT");
      await Promise.all(first);
    },
  };
}

async function askTogether(engine: InferenceEngine, bundle: VerifiedBundle, requests: readonly (readonly number[])[]) {
  const held = await holdBusy(engine, bundle);
  const answers = requests.map((values) => ask(engine, bundle, x(...values)));
  await held.goOn();
  return Promise.all(answers);
}

t.test("what waits at the same time is computed together, and answered as alone", async (t) => {
  const { engine, bundle, executions } = await serving(t, { batching: { maxBatch: 8 } });
  const requests = Array.from({ length: 12 }, (_, at) =>
    Array.from({ length: (at % 3) + 1 }, (_, row) => at * 10 + row),
  );
  const answers = await askTogether(engine, bundle, requests);
  t.same(
    answers.map((answer) => numbers(answer)),
    requests.map((values) => values.map((value) => value + 1)),
  );
  t.ok(executions.length < 14, `${executions.length} runs of the model for 14 requests`);
  t.equal(
    executions.reduce((sum, { requests }) => sum + requests, 0),
    14,
  );
});

t.test("without batches each request is a run of the model", async (t) => {
  const { engine, bundle, executions } = await serving(t, {});
  await askTogether(engine, bundle, [[1], [2], [3]]);
  t.same(
    executions.map(({ requests }) => requests),
    [1, 1, 1, 1, 1],
  );
});

t.test("a request waits for company as long as model.json says, and no longer", async (t) => {
  const { engine, bundle, executions } = await serving(t, { batching: { maxBatch: 3, maxDelayMs: 100 } });
  const startedMs = performance.now();
  await ask(engine, bundle, x(1));
  t.ok(performance.now() - startedMs >= 95, "alone it waits");
  await Promise.all([ask(engine, bundle, x(1)), ask(engine, bundle, x(2)), ask(engine, bundle, x(3))]);
  t.same(
    executions.map(({ requests }) => requests),
    [1, 3],
    "a full batch goes",
  );
});

t.test("a deadline that passes in the queue is honoured, and the batch goes without that request", async (t) => {
  const { engine, bundle, executions } = await serving(t, { batching: { maxBatch: 8 } });
  const held = await holdBusy(engine, bundle);
  const late = failureOf(ask(engine, bundle, x(1), 50));
  const other = ask(engine, bundle, x(2));
  t.match(await late, { failure: "timed-out" });
  await held.goOn();
  t.same(numbers(await other), [3]);
  t.equal(
    executions.reduce((sum, { requests }) => sum + requests, 0),
    3,
  );
});

t.test("a request that kills the runner in a batch fails alone: its mates are answered", async (t) => {
  const { engine, bundle } = await serving(
    t,
    { batching: { maxBatch: 8 } },
    { command: runnerKilledBy(POISON), clock: hastyClock },
  );
  const held = await holdBusy(engine, bundle);
  const poison = failureOf(ask(engine, bundle, poisonOf(0)));
  const mates = [ask(engine, bundle, x(1)), ask(engine, bundle, x(2))];
  await held.goOn();
  t.match(await poison, { failure: "model-failed", message: /3 runners ended over this request/ });
  t.same(
    (await Promise.all(mates)).map((answer) => numbers(answer)),
    [[2], [3]],
  );
});

t.test("a client that kills runners again and again does not take the model from the others", async (t) => {
  const { engine, bundle, lost } = await serving(t, {}, { command: runnerKilledBy(POISON), clock: hastyClock });
  await ask(engine, bundle, x(1));
  for (let at = 0; at < 5; at += 1) {
    t.match(await failureOf(ask(engine, bundle, poisonOf(at))), { failure: "model-failed" });
  }
  t.same(lost, [], "fifteen runners in a row ended before their first answer");
  t.same(numbers(await ask(engine, bundle, x(41))), [42]);
  const { crashes = 0 } = engine.observed(bundle.model.name) ?? {};
  t.match(await failureOf(ask(engine, bundle, poisonOf(0))), {
    failure: "model-failed",
    message: /not tried again yet/,
  });
  t.equal(engine.observed(bundle.model.name)?.crashes, crashes, "the same request takes no other runner");
});

t.test("a version that has answered nothing yet, and dies of all that it is asked, is lost", async (t) => {
  const { engine, bundle, lost } = await serving(t, {}, { command: runnerKilledBy(POISON), clock: hastyClock });
  const asked = Array.from({ length: 6 }, (_, at) => failureOf(ask(engine, bundle, poisonOf(at), 60_000)));
  await until("it is lost", () => lost.length > 0, { timeoutMs: 60_000 });
  t.match(lost[0]?.refusal, { code: "runner-crash", message: /10 runners in a row ended/ });
  await engine.clear(bundle.model.name);
  await Promise.all(asked);
});

t.test("a version has as many runners as it asks for, and requests go to all of them", async (t) => {
  const { engine, bundle } = await serving(t, { instances: 3 });
  t.equal(runnerPids().length, 3, "all are there before the first request");
  t.match(engine.gauges(), [{ instances: { ready: 3, wanted: 3 } }]);
  signalRunner(0, "SIGSTOP");
  signalRunner(1, "SIGSTOP");
  const answers = Array.from({ length: 20 }, (_, at) => ask(engine, bundle, x(at)));
  const first = await Promise.race(answers);
  t.ok(first.inferMs >= 0, "the third runner answers while the others hold still");
  signalRunner(0, "SIGCONT");
  signalRunner(1, "SIGCONT");
  t.same(
    (await Promise.all(answers)).map((answer) => numbers(answer)[0]),
    Array.from({ length: 20 }, (_, at) => at + 1),
  );
});

t.test("no more runners than processors", async (t) => {
  const { engine } = await serving(t, { instances: 4 }, { processors: 2 });
  t.match(engine.gauges(), [{ instances: { ready: 2, wanted: 2 } }]);
});

t.test("where one of several runners dies under load, the others answer and no request is lost", async (t) => {
  const { engine, bundle } = await serving(t, { instances: 2 });
  const load = startLoad(engine, bundle, x(1), 8);
  for (let kill = 0; kill < 3; kill += 1) {
    const before = load.versions.length;
    await until(
      "both are there",
      () => engine.gauges()[0]?.instances.ready === 2 && load.versions.length > before + 50,
    );
    signalRunner(0, "SIGKILL");
    await until("its end is seen", () => engine.gauges()[0]?.instances.ready === 1);
    t.equal(engine.slots()[0]?.ready, true);
  }
  await until("it is back", () => engine.gauges()[0]?.instances.ready === 2);
  t.same((await load.stop()).failures, []);
});

t.test("a request that kills takes one runner at a time", async (t) => {
  const { engine, bundle } = await serving(t, { instances: 2 }, { command: runnerKilledBy(POISON), clock: hastyClock });
  await ask(engine, bundle, x(1));
  const poisons = [failureOf(ask(engine, bundle, poisonOf(1))), failureOf(ask(engine, bundle, poisonOf(2)))];
  t.match(await Promise.all(poisons), [{ failure: "model-failed" }, { failure: "model-failed" }]);
  t.same(numbers(await ask(engine, bundle, x(1))), [2]);
});

t.test("a swap leaves no runner of the former version, however many it had", async (t) => {
  const { engine, bundle } = await serving(t, { instances: 2 });
  const next = await writePlusOne(`${t.testdirName}/next`, {
    version: "2.0.0",
    describe: { serving: { instances: 2 } },
  });
  const load = startLoad(engine, bundle, x(1));
  await turnOver(engine, next);
  t.equal(runnerPids().length, 4);
  await engine.release(next.model.name);
  t.equal(runnerPids().length, 2);
  await until("the next one answers", () => load.versions.at(-1) === "2.0.0");
  t.same((await load.stop()).failures, []);
});

t.test("a device without the memory for all runners starts those that fit", async (t) => {
  const { engine } = await serving(t, { instances: 3 }, { availableMemoryBytes: () => 64 * 1024 ** 2 + 110e6 });
  t.match(engine.gauges(), [{ instances: { ready: 2, wanted: 2 } }]);
});
