/** A version that soaks beside the one that it is to replace, with real runner processes. */
import { writeFileSync } from "node:fs";
import { getPriority } from "node:os";
import t from "tap";
import { mayRestorePriority, servingPriority } from "../../../../agent/hardware/process-priority.ts";
import type { CopyOutcome, InferenceObserver, VerifiedBundle } from "../../../../agent/inference/inference-engine.ts";
import type { InferenceEngineOptions } from "../../../../agent/inference/open-inference-engine.ts";
import { placeOf } from "../../../../agent/inference/slot/route.ts";
import type { ModelName, ModelVersion } from "../../../../protocol/ids.ts";
import type { SoakTraffic } from "../../../../protocol/trust/soak-traffic.ts";
import {
  collectLost,
  failureOf,
  hastyClock,
  never,
  numbers,
  openEngine,
  qualified,
  runnerPids,
  runnerUnless,
  serve,
  signalRunner,
  turnOver,
} from "../../../support/engine-bench.ts";
import { floats, writePairPlusOne, writePlusOne } from "../../../support/model-folders.ts";
import { until } from "../../../support/until.ts";

type Engine = ReturnType<typeof openEngine>;

const split: SoakTraffic = { kind: "split", share: 0.3 };
const nearlyAll: SoakTraffic = { kind: "split", share: 0.999 };
const shadow: SoakTraffic = { kind: "shadow", share: 1 };
const slot = "plus-one" as ModelName;

function ask(engine: Engine, key?: string, length = 1, version?: string) {
  const inputs = [floats("x", [length], new Array<number>(length).fill(1))];
  return engine.infer({
    slot,
    inputs,
    timeoutMs: 20_000,
    ...(key === undefined ? {} : { key }),
    ...(version === undefined ? {} : { version: version as ModelVersion }),
  });
}

interface Opened extends Partial<InferenceEngineOptions> {
  /** The version on trial. */
  readonly write?: (directory: string) => Promise<VerifiedBundle>;
}

async function opened(directory: string, traffic: SoakTraffic, options: Opened = {}) {
  const { write = (at: string) => writePlusOne(at, { version: "2.0.0" }), ...more } = options;
  const told = {
    failed: [] as string[],
    answered: [] as string[],
    copied: [] as CopyOutcome[],
    agreed: [] as boolean[],
  };
  const observer: InferenceObserver = {
    answered: (_slot, { version }) => told.answered.push(version),
    failed: (_slot, failure, version) => told.failed.push(`${version} ${failure}`),
    crashed: () => undefined,
    copied: (_slot, _version, outcome) => told.copied.push(outcome),
    compared: (_slot, version, { isSame }) => told.agreed.push(version === "2.0.0" && isSame),
  };
  const engine = openEngine({ observers: [observer], ...more });
  const former = await writePlusOne(`${directory}/1`);
  const next = await write(`${directory}/2`);
  await serve(engine, former);
  const given = await engine.activate(slot, await qualified(engine, next), traffic);
  return { engine, former, next, told, given };
}

function isTrialReady(engine: Engine): boolean {
  return engine.slots()[0]?.trial?.ready === true;
}

/** Who answered each key. */
async function versionsOf(engine: Engine, keys: readonly string[]): Promise<string[]> {
  return Promise.all(keys.map(async (key) => (await ask(engine, key)).version));
}

const keys = Array.from({ length: 100 }, (_, at) => `user ${at}`);

t.test(
  "a split gives its share of the keys to the new version, the same ones each time, until it is released",
  async (t) => {
    const { engine, former, next, given } = await opened(t.testdir(), split);
    await using _engine = engine;
    t.same(given, split);
    const expected = keys.map((key) => (placeOf(key, next.statement) < split.share ? "2.0.0" : "1.0.0"));
    t.same(await versionsOf(engine, keys), expected);
    t.same(await versionsOf(engine, keys), expected);
    const tried = expected.filter((version) => version === "2.0.0").length;
    t.match(engine.slots()[0], { bundle: former, trial: { bundle: next, traffic: split, ready: true } });
    t.match(engine.observed(slot), {
      statement: next.statement,
      requests: 2 * tried,
      failed: 0,
      former: { requests: 2 * (keys.length - tried) },
    });
    await engine.release(slot);
    t.same(new Set(await versionsOf(engine, keys)), new Set(["2.0.0"]));
    t.equal(runnerPids().length, 1);
    t.match(engine.slots()[0], { bundle: next, trial: undefined });
  },
);

t.test("without a key the request's id decides, and without either the dice do", async (t) => {
  const { engine, next } = await opened(t.testdir(), split, { random: () => 0 });
  await using _engine = engine;
  const id = keys.find((one) => placeOf(one, next.statement) < split.share);
  const inputs = [floats("x", [1], [1])];
  t.equal((await engine.infer({ slot, inputs, timeoutMs: 20_000, id: id ?? "" })).version, "2.0.0");
  const byDice = placeOf("0", next.statement) < split.share ? "2.0.0" : "1.0.0";
  t.equal((await ask(engine)).version, byDice);
});

t.test("a request that names a version gets that one, in a split and of a shadow", async (t) => {
  for (const traffic of [split, shadow]) {
    const { engine } = await opened(t.testdir(), traffic);
    await using _engine = engine;
    for (const version of ["1.0.0", "2.0.0"]) t.equal((await ask(engine, "any", 1, version)).version, version);
    t.match(await failureOf(ask(engine, "any", 1, "9.0.0")), {
      failure: "unknown-version",
      message: /version 1\.0\.0 and 2\.0\.0 is there/,
    });
  }
});

t.test("what the version on trial fails is answered by the former one, and counts against it", async (t) => {
  const { engine, next, told } = await opened(t.testdir(), nearlyAll, { write: (at) => writePairPlusOne(at, "2.0.0") });
  await using _engine = engine;
  const key = keys.find((one) => placeOf(one, next.statement) < 0.999) ?? "";
  const response = await ask(engine, key, 3);
  t.equal(response.version, "1.0.0");
  t.same(numbers(response), [2, 2, 2]);
  t.same(told.failed, ["2.0.0 model-failed"]);
  t.match(engine.observed(slot), { requests: 1, failed: 1, former: { requests: 1, failed: 0 } });
});

t.test("the runner of a version on trial is killed under load: no request fails", async (t) => {
  for (const traffic of [{ kind: "split", share: 0.5 }, shadow] as const) {
    const { engine, told } = await opened(t.testdir(), traffic);
    await using _engine = engine;
    const failures: unknown[] = [];
    let isOver = false;
    const load = [1, 2, 3, 4].map(async (caller) => {
      for (let at = 0; !isOver; at += 1)
        await ask(engine, `${caller} ${at}`).catch((error: unknown) => failures.push(error));
    });
    for (let kill = 0; kill < 2; kill += 1) {
      const before = told.answered.length;
      await until("it is asked", () => told.answered.length > before + 50);
      signalRunner(1, "SIGKILL");
      await until("another runner is there", () => engine.observed(slot)?.crashes === kill + 1 && isTrialReady(engine));
    }
    isOver = true;
    await Promise.all(load);
    t.same(failures, []);
    if (traffic.kind === "shadow") t.same(new Set(told.answered), new Set(["1.0.0"]));
    t.match(engine.observed(slot), { crashes: 2 });
  }
});

t.test("a shadow answers nothing, gets copies, and tells how often it agrees", async (t) => {
  const { engine, told, next } = await opened(t.testdir(), shadow, {
    write: (at) => writePlusOne(at, { version: "2.0.0" }, 2),
  });
  await using _engine = engine;
  for (const key of keys.slice(0, 10)) t.equal((await ask(engine, key)).version, "1.0.0");
  await until("the copies are computed", () => told.copied.length === 10);
  t.ok(told.copied.every(({ kind }) => kind === "answered"));
  t.same(told.agreed, new Array(10).fill(false), "1 + 2 is not 1 + 1");
  t.match(engine.observed(slot), {
    statement: next.statement,
    requests: 10,
    former: { requests: 10 },
    agreement: { compared: 10, alike: 0, dropped: 0 },
  });
});

t.test(
  "a shadow computes in the background where that can be taken back, and answers with its full share later",
  async (t) => {
    const { engine } = await opened(t.testdir(), shadow);
    await using _engine = engine;
    const [, pid = 0] = runnerPids();
    t.equal(getPriority(pid), mayRestorePriority() ? 19 : servingPriority());
    signalRunner(1, "SIGKILL");
    await until("another is there", () => engine.observed(slot)?.crashes === 1 && isTrialReady(engine));
    t.equal(
      getPriority(runnerPids()[1] ?? 0),
      mayRestorePriority() ? 19 : servingPriority(),
      "so does the one after it",
    );
    await engine.release(slot);
    t.equal(getPriority(runnerPids()[0] ?? 0), servingPriority());
    t.equal((await ask(engine)).version, "2.0.0");
  },
);

t.test("a bad version on trial ends in one step, and what it had begun is answered", async (t) => {
  const { engine, former } = await opened(t.testdir(), nearlyAll);
  await using _engine = engine;
  signalRunner(1, "SIGSTOP");
  const waiting = keys.map((key) => ask(engine, key));
  t.match(await engine.turnBack(slot), former);
  t.match(engine.slots()[0], { bundle: former, trial: undefined });
  signalRunner(1, "SIGCONT");
  const versions = (await Promise.all(waiting)).map(({ version }) => version);
  t.ok(versions.filter((version) => version === "2.0.0").length <= 2, "but for what it was computing");
  await until("its process ends", () => runnerPids().length === 1);
  t.equal((await ask(engine)).version, "1.0.0");
});

t.test("a former version that is lost leaves everything to the one on trial", async (t) => {
  const directory = t.testdir();
  const broken = `${directory}/broken`;
  const { engine, former, next } = await opened(directory, split, { command: runnerUnless(broken), clock: hastyClock });
  await using _engine = engine;
  const lost = collectLost(engine);
  writeFileSync(broken, "");
  signalRunner(0, "SIGKILL");
  await until("it is lost", () => lost.length === 1);
  t.match(lost, [{ slot, statement: former.statement }]);
  t.match(engine.slots()[0], { bundle: next, trial: undefined });
  t.equal((await ask(engine)).version, "2.0.0");
});

t.test("a version on trial that is lost is told, and the former one answers everything", async (t) => {
  const directory = t.testdir();
  const broken = `${directory}/broken`;
  const { engine, former, next } = await opened(directory, split, { command: runnerUnless(broken), clock: hastyClock });
  await using _engine = engine;
  const lost = collectLost(engine);
  writeFileSync(broken, "");
  signalRunner(1, "SIGKILL");
  await until("it is lost", () => lost.length === 1);
  t.match(lost, [{ slot, statement: next.statement }]);
  t.same(new Set(await versionsOf(engine, keys)), new Set(["1.0.0"]));
  t.match(await engine.turnBack(slot), former);
});

t.test("where nothing answers before, the new version answers everything, whatever is wished", async (t) => {
  await using engine = openEngine();
  const bundle = await writePlusOne(t.testdir());
  t.equal(await engine.activate(slot, await qualified(engine, bundle), shadow), undefined);
  t.equal((await ask(engine)).version, "1.0.0");
});

t.test(
  "versions that do not fit into the memory together are refused with the numbers, and the former goes on",
  async (t) => {
    const directory = t.testdir();
    let availableBytes = 1e9;
    await using engine = openEngine({ availableMemoryBytes: () => availableBytes });
    const former = await writePlusOne(`${directory}/1`);
    const next = await writePlusOne(`${directory}/2`, { version: "2.0.0" });
    await serve(engine, former);
    availableBytes = 80e6;
    t.match(await engine.qualify(slot, next, never, shadow), {
      kind: "refused",
      refusal: {
        code: "traffic-impossible",
        message: /^A shadow needs both versions in memory: 2\.0\.0 takes \d+ MB, and 68 MB stay free; 80 MB are there/,
      },
    });
    t.equal((await ask(engine)).version, "1.0.0");
    t.match(await engine.qualify(slot, next, never), { kind: "qualified" }, "in mode replace it goes");
  },
);

t.test("versions whose inputs or outputs differ cannot be asked the same", async (t) => {
  const directory = t.testdir();
  await using engine = openEngine();
  const former = await writePlusOne(`${directory}/1`);
  const outputs = [{ name: "y", datatype: "FP32" as const, shape: [2] }];
  const next = await writePlusOne(`${directory}/2`, { version: "2.0.0", describe: { outputs } });
  await serve(engine, former);
  const refusal = { code: "traffic-impossible", message: /^A split asks 1\.0\.0 and 2\.0\.0 the same/ };
  t.match(await engine.qualify(slot, next, never, split), { kind: "refused", refusal });
});

t.test("a bundle is not tried beside itself", async (t) => {
  await using engine = openEngine();
  const bundle = await writePlusOne(t.testdir());
  await serve(engine, bundle);
  t.equal(await engine.activate(slot, await qualified(engine, bundle), split), undefined);
  t.equal((await ask(engine)).version, "1.0.0");
});

t.test("another version takes the place of the one on trial", async (t) => {
  const directory = t.testdir();
  const { engine, former } = await opened(directory, split);
  await using _engine = engine;
  const third = await writePlusOne(`${directory}/3`, { version: "3.0.0" });
  await turnOver(engine, third);
  t.equal((await ask(engine)).version, "3.0.0");
  await until("the one on trial ends", () => runnerPids().length === 2);
  t.match(await engine.turnBack(slot), former);
});
