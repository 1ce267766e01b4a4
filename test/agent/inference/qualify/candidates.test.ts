import { readdirSync, writeFileSync } from "node:fs";
import { getPriority } from "node:os";
import t from "tap";
import { BACKGROUND_NICE, mayRestorePriority, servingPriority } from "../../../../agent/hardware/process-priority.ts";
import type { InferenceEngine } from "../../../../agent/inference/inference-engine.ts";
import { MEMORY_RESERVE_BYTES } from "../../../../agent/inference/qualify/memory-plan.ts";
import type { ModelVersion } from "../../../../protocol/ids.ts";
import {
  ask,
  collectLost,
  failureOf,
  never,
  openEngine,
  qualified,
  runnerPids,
  serve,
  startLoad,
  turnOver,
} from "../../../support/engine-bench.ts";
import { floats, sileroInputs, writePlusOne, writeSilero } from "../../../support/model-folders.ts";
import { until } from "../../../support/until.ts";

const one = [floats("x", [1], [1])];

/** A device on which two of these models never fit together: what one runner takes is all that there is. */
function openSmall(): InferenceEngine & { readonly mostRunners: () => number } {
  let most = 0;
  const engine = openEngine({
    availableMemoryBytes: () => {
      const runners = runnerPids().length;
      most = Math.max(most, runners);
      return MEMORY_RESERVE_BYTES + (runners === 0 ? 100e6 : 1);
    },
    observers: [
      {
        answered: () => (most = Math.max(most, runnerPids().length)),
        failed: () => undefined,
        crashed: () => undefined,
      },
    ],
  });
  return { ...engine, mostRunners: () => most };
}

async function silero(directory: string) {
  return { former: await writeSilero(directory, 5), next: await writeSilero(directory, 6) };
}

t.test("where two versions fit, they are loaded side by side, and the evidence says so", async (t) => {
  await using engine = openEngine();
  const { former, next } = await silero(t.testdir());
  await serve(engine, former);
  const candidate = await qualified(engine, next);
  t.equal(candidate.evidence.memoryMode, "load-first");
  t.equal(runnerPids().length, 2);
  t.equal((await ask(engine, former, sileroInputs())).version, "5.0.0");
});

t.test(
  "a version that loads beside another has the processor after it, until it is measured, and both stand behind the agent",
  async (t) => {
    await using engine = openEngine();
    const { former, next } = await silero(t.testdir());
    await serve(engine, former);
    const niceOf = () => runnerPids().map((pid) => getPriority(pid));
    const own = servingPriority();
    const qualifying = qualified(engine, next);
    if (mayRestorePriority()) await until("it is in the background", () => niceOf()[1] === BACKGROUND_NICE);
    await qualifying;
    t.same(niceOf(), [own, own]);
    const threads = runnerPids().flatMap((pid) => readdirSync(`/proc/${pid}/task`));
    t.same(new Set(threads.map((thread) => getPriority(Number(thread)))), new Set([own]));
  },
);

t.test("where they do not, swaps under load lose no request, and two runners are never there at once", async (t) => {
  await using engine = openSmall();
  const { former, next } = await silero(t.testdir());
  await serve(engine, former);
  const load = startLoad(engine, former, sileroInputs());
  for (const bundle of [next, former, next]) {
    const answered = load.versions.length;
    await until("the load runs", () => load.versions.length > answered + 50);
    const candidate = await qualified(engine, bundle);
    t.equal(candidate.evidence.memoryMode, "unload-first");
    t.equal(runnerPids().length, 1);
    await engine.activate(bundle.model.name, candidate);
    await engine.release(bundle.model.name);
  }
  const answered = load.versions.length;
  await until("the last version answers", () => load.versions.length > answered + 50);
  const { versions, failures } = await load.stop();
  t.same(failures, []);
  t.same(new Set(versions.slice(-20)), new Set(["6.0.0"]));
  t.equal(engine.mostRunners(), 1);
});

t.test("when the next version is refused, the former is loaded again and answers what waited", async (t) => {
  await using engine = openSmall();
  const directory = t.testdir();
  const former = await writePlusOne(`${directory}/1`);
  const wrong = await writePlusOne(`${directory}/2`, {
    version: "2.0.0",
    expect: (output) => ({ ...output, values: [2, 4] }),
  });
  await serve(engine, former);
  const load = startLoad(engine, former, one);
  await until("the load runs", () => load.versions.length > 50);
  const qualification = await engine.qualify(wrong.model.name, wrong, never);
  t.match(qualification, { kind: "refused", refusal: { code: "self-test" } });
  const answered = load.versions.length;
  await until("the former version answers again", () => load.versions.length > answered + 50);
  const { versions, failures } = await load.stop();
  t.same(failures, []);
  t.same(new Set(versions), new Set(["1.0.0"]));
  t.equal(runnerPids().length, 1);
});

t.test("a discarded candidate, and one whose qualification is given up, give the place back", async (t) => {
  await using engine = openSmall();
  const { former, next } = await silero(t.testdir());
  await serve(engine, former);
  await engine.discard(await qualified(engine, next));
  t.equal((await ask(engine, former, sileroInputs())).version, "5.0.0");
  const giveUp = new AbortController();
  const qualifying = engine.qualify(next.model.name, next, giveUp.signal);
  await until("the former version is unloaded", () => engine.slots()[0]?.ready === false);
  giveUp.abort();
  t.match(await qualifying, { kind: "refused", refusal: { code: "deadline" } });
  t.equal((await ask(engine, former, sileroInputs())).version, "5.0.0");
  t.equal(runnerPids().length, 1);
});

t.test("deadlines hold while nothing is loaded, and a full queue turns away at once", async (t) => {
  await using engine = openSmall();
  const { former, next } = await silero(t.testdir());
  await serve(engine, former);
  const candidate = qualified(engine, next);
  await until("the former version is unloaded", () => engine.slots()[0]?.ready === false);
  t.match(await failureOf(ask(engine, former, sileroInputs(), 1)), { failure: "timed-out" });
  const waiting = Array.from({ length: 256 }, () => ask(engine, former, sileroInputs(), 60_000));
  t.match(await failureOf(ask(engine, former, sileroInputs())), { failure: "queue-full" });
  await engine.activate(next.model.name, await candidate);
  t.same(new Set((await Promise.all(waiting)).map(({ version }) => version)), new Set(["6.0.0"]));
});

t.test("what asks for the version that is gone for good is told so", async (t) => {
  await using engine = openSmall();
  const { former, next } = await silero(t.testdir());
  await serve(engine, former);
  const candidate = qualified(engine, next);
  await until("the former version is unloaded", () => engine.slots()[0]?.ready === false);
  const request = { slot: former.model.name, inputs: sileroInputs(), timeoutMs: 20_000 };
  const bound = failureOf(engine.infer({ ...request, version: "5.0.0" as ModelVersion }));
  const free = engine.infer(request);
  await engine.activate(next.model.name, await candidate);
  t.match(await bound, { failure: "unavailable", message: /version 5.0.0 was replaced and is not loaded any more/ });
  t.equal((await free).version, "6.0.0");
});

t.test("a candidate that must wait lets the former version answer, and takes its place when it is due", async (t) => {
  await using engine = openSmall();
  const { former, next } = await silero(t.testdir());
  await serve(engine, former);
  const candidate = await qualified(engine, next);
  t.equal((await ask(engine, former, sileroInputs())).version, "5.0.0", "an answer while nobody activates");
  t.equal(runnerPids().length, 1);
  const load = startLoad(engine, former, sileroInputs());
  await until("the load runs", () => load.versions.length > 50);
  await engine.activate(next.model.name, candidate);
  t.equal((await ask(engine, next, sileroInputs())).version, "6.0.0");
  t.same((await load.stop()).failures, []);
  t.equal(engine.mostRunners(), 1);
});

t.test("a candidate that waited and cannot be loaded any more leaves the former version in its place", async (t) => {
  await using engine = openSmall();
  const directory = t.testdir();
  const former = await writePlusOne(`${directory}/1`);
  const next = await writePlusOne(`${directory}/2`, { version: "2.0.0" });
  await serve(engine, former);
  const candidate = await qualified(engine, next);
  await ask(engine, former, one);
  writeFileSync(`${next.directory}/model.onnx`, "no model");
  await t.rejects(engine.activate(next.model.name, candidate), { name: "Refused", code: "model-load" });
  t.equal((await ask(engine, former, one)).version, "1.0.0");
});

t.test("turning back to a standby that was unloaded loads it again while requests wait", async (t) => {
  await using engine = openSmall();
  const lost = collectLost(engine);
  const { former, next } = await silero(t.testdir());
  await serve(engine, former);
  await turnOver(engine, next);
  const load = startLoad(engine, former, sileroInputs());
  await until("the new version answers", () => load.versions.length > 50);
  t.match(await engine.turnBack(former.model.name), { statement: former.statement });
  const answered = load.versions.length;
  await until("the former version answers", () => load.versions.length > answered + 50);
  const { versions, failures } = await load.stop();
  t.same(failures, []);
  t.same(new Set(versions.slice(-20)), new Set(["5.0.0"]));
  t.equal(engine.mostRunners(), 1);
  t.same(lost, []);
});

t.test("a standby ends for a third version that would not fit beside two", async (t) => {
  let availableBytes = 1e9;
  await using engine = openEngine({ availableMemoryBytes: () => availableBytes });
  const directory = t.testdir();
  const [former, next, third] = [
    await writePlusOne(`${directory}/1`),
    await writePlusOne(`${directory}/2`, { version: "2.0.0" }),
    await writePlusOne(`${directory}/3`, { version: "3.0.0" }),
  ];
  await serve(engine, former);
  await turnOver(engine, next);
  // The smallest of models takes some 30 MB; the next one is estimated at 48 MB and what its files need.
  availableBytes = MEMORY_RESERVE_BYTES + 25e6;
  const candidate = await qualified(engine, third);
  t.equal(candidate.evidence.memoryMode, "load-first");
  t.equal(runnerPids().length, 2, "the version that answers, and the candidate");
  t.equal((await ask(engine, next, one)).version, "2.0.0");
  await engine.activate(third.model.name, candidate);
  t.match(await engine.turnBack(third.model.name), { statement: former.statement });
  t.equal((await ask(engine, former, one)).version, "1.0.0");
});

t.test("closing leaves no process, whatever was loading or waiting for its place", async (t) => {
  const engine = openSmall();
  const { former, next } = await silero(t.testdir());
  await serve(engine, former);
  const qualifying = engine.qualify(next.model.name, next, never);
  await until("the former version is unloaded", () => engine.slots()[0]?.ready === false);
  const waiting = failureOf(ask(engine, former, sileroInputs()));
  await engine[Symbol.asyncDispose]();
  t.match(await qualifying, { kind: "refused", refusal: { code: "deadline" } });
  t.match(await waiting, { failure: "unavailable" });
  t.same(runnerPids(), []);
});
