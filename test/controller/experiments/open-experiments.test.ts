/** Experiments on a real database with the real rollout engine; devices are rows, and what they tell is stored as telemetry is. */
import t, { type Test } from "tap";
import { openLog } from "../../../common/log.ts";
import {
  createExperiment,
  participantsOf,
  rolloutOfExperiment,
} from "../../../controller/experiments/create-experiment.ts";
import { RENEW_MS } from "../../../controller/experiments/decide-experiment.ts";
import { keepFormer, promote } from "../../../controller/experiments/end-experiment.ts";
import { completeExperiment, type ExperimentRequest } from "../../../controller/experiments/experiment-spec.ts";
import { listExperiments, oneExperiment } from "../../../controller/experiments/experiments.ts";
import { openExperiments } from "../../../controller/experiments/open-experiments.ts";
import { deploymentOf } from "../../../controller/fleet/deployments.ts";
import { completeSpec } from "../../../controller/rollout/complete-spec.ts";
import { readPlan } from "../../../controller/rollout/read-plan.ts";
import { NOTHING_ELSE } from "../../../controller/store/store.ts";
import type { DeviceId } from "../../../protocol/ids.ts";
import { DIGITS, serving } from "../../support/device-views.ts";
import { openRolloutWorld, V1, V2, type RolloutWorld } from "../../support/rollout-world.ts";
import { addTo, type Stored } from "../../support/stored-telemetry.ts";

const CAMS = ["cam-1", "cam-2"];
const REQUEST: ExperimentRequest = {
  model: DIGITS,
  version: V2.model.version,
  selector: "",
  metrics: [{ metric: "accuracy" }],
  durationMs: 2 * 86_400_000,
};

/** Both serve 1.0.0 for good. */
async function openWorld(t: Test) {
  const world = await openRolloutWorld(t);
  await world.join(...CAMS);
  await world.begin(V1, CAMS);
  for (const device of CAMS) {
    const asked = await deploymentOf(world.store, device as DeviceId);
    await world.report(device, { seq: asked?.seq ?? 0, slots: [serving("a", "1.0.0")] });
  }
  const clock = { nowMs: () => world.nowMs, monotonicMs: () => world.nowMs, sleep: () => Promise.resolve() };
  const ports = { store: world.store, settle: world.engine.settle, clock, log: openLog("test", "silent") };
  return { world, experiments: openExperiments(ports), reopen: () => openExperiments(ports) };
}

async function begin({ store, engine, nowMs }: RolloutWorld, request: ExperimentRequest = REQUEST) {
  const spec = completeExperiment(request);
  const planned = await readPlan(store, rolloutOfExperiment(spec, nowMs), nowMs);
  const participants = participantsOf(spec, planned);
  const made = { spec, planned, participants, selector: "all devices", author: "ada" };
  const id = await createExperiment(store, made, nowMs, () => NOTHING_ELSE);
  await engine.settle();
  return oneExperiment(store, String(id));
}

/** What a device tells of ten seconds: the truth of 50 answers of each version. */
function told(device: string, seq: number, atMs: number, right: { readonly a: number; readonly b: number }): Stored[] {
  const fields = (version: string, isRight: number) => ({
    ...{ slot: "digits", version, intervalMs: 10_000, "outcome.answered": 50 },
    ...{ feedbackJudged: 50, feedbackRight: isRight },
  });
  return [
    { device, seq, atMs, receivedMs: atMs, kind: "inference", fields: fields("1.0.0", right.a) },
    { device, seq: seq + 1, atMs, receivedMs: atMs, kind: "inference", fields: fields("2.0.0", right.b) },
  ];
}

const splits = (device: string, seq: number, atMs: number): Stored => ({
  ...{ device, seq, atMs, receivedMs: atMs, kind: "event" },
  fields: { event: "phase-changed", slot: "digits", phase: "soaking", traffic: "split" },
});

const wishOf = async ({ store }: RolloutWorld, device: string) =>
  (await deploymentOf(store, device as DeviceId))?.slots
    .map(({ version, traffic }) => `${version} ${traffic?.kind ?? ""}`.trim())
    .join();

t.test("devices are asked to split, what they tell is counted once, and survives a restart", async (t) => {
  const { world, experiments, reopen } = await openWorld(t);
  await using _world = world;
  const row = await begin(world);
  t.match(row, { name: "digits-2.0.0", former: "1.0.0", candidate: "2.0.0", state: "running" });
  t.same(await Promise.all(CAMS.map((device) => wishOf(world, device))), ["2.0.0 split", "2.0.0 split"]);
  const atMs = world.nowMs + 20_000;
  const records = CAMS.flatMap((device) => [
    splits(device, 0, world.nowMs + 1_000),
    ...told(device, 1, atMs, { a: 45, b: 25 }),
    ...told(device, 3, atMs + 10_000, { a: 46, b: 24 }),
  ]);
  await addTo(world.store, records);
  await world.after(60_000);
  await experiments.look();
  const first = await experiments.results(row);
  t.match(first.metrics, [{ a: { samples: 200, value: 0.91 }, b: { samples: 200, value: 0.49 }, verdict: "worse" }]);
  t.match(first, { advice: "keep", devices: [{ isSplit: true, requests: { a: 100, b: 100 } }, {}] });
  await experiments.look();
  t.same(await experiments.results(row), first, "nothing is counted twice");

  await world.after(60_000);
  await experiments.look();
  const again = reopen();
  await addTo(world.store, told("cam-1", 5, world.nowMs, { a: 50, b: 50 }));
  await again.look();
  t.match((await again.results(row)).metrics, [{ a: { samples: 250 }, b: { samples: 250 } }]);
});

t.test("a split is renewed before its day is over, and A is kept when the time of the experiment is", async (t) => {
  const { world, experiments } = await openWorld(t);
  await using _world = world;
  const row = await begin(world);
  const seqOf = async () => (await deploymentOf(world.store, "cam-1" as DeviceId))?.seq ?? 0;
  const before = await seqOf();
  await world.after(RENEW_MS - 1);
  await experiments.look();
  t.equal(await seqOf(), before);
  await world.after(1);
  await experiments.look();
  t.equal(await seqOf(), before + 1);
  t.equal(await wishOf(world, "cam-1"), "2.0.0 split");
  await experiments.look();
  t.equal(await seqOf(), before + 1, "once");
  await world.after(2 * 86_400_000);
  await experiments.look();
  t.match(await oneExperiment(world.store, row.name), { state: "kept", ended_by: "(system)", why: "its time is over" });
  t.equal(await wishOf(world, "cam-1"), "1.0.0");
});

t.test("it is stopped once, also where no device was asked yet", async (t) => {
  const { world } = await openWorld(t);
  await using _world = world;
  for (const device of CAMS) await world.presence(device, false);
  const row = await begin(world);
  const ending = { experiment: row, state: "kept", by: "ada", why: "stopped by ada" } as const;
  await keepFormer(world.store, ending, world.nowMs, NOTHING_ELSE);
  await keepFormer(world.store, { ...ending, by: "bob" }, world.nowMs + 5, NOTHING_ELSE);
  t.match(await oneExperiment(world.store, String(row.id)), { state: "kept", ended_by: "ada", ended_ms: world.nowMs });
  for (const device of CAMS) await world.presence(device, true);
  await world.after(1_000);
  t.equal(await wishOf(world, "cam-1"), "1.0.0", "and none is asked when it returns");
});

t.test("B is promoted by an ordinary rollout, which remembers A", async (t) => {
  const { world, experiments } = await openWorld(t);
  await using _world = world;
  const row = await begin(world);
  const spec = completeSpec({ model: DIGITS, version: V2.model.version, devices: CAMS as DeviceId[] });
  const rollout = {
    entry: V2,
    spec,
    selector: "its devices",
    author: "ada",
    devices: CAMS as DeviceId[],
    foretold: new Map(),
  };
  const ending = { experiment: row, state: "promoted", by: "ada", why: "promoted by ada" } as const;
  const id = await promote(world.store, ending, rollout, world.nowMs, () => NOTHING_ELSE);
  await world.engine.settle();
  t.equal(await wishOf(world, "cam-1"), "2.0.0");
  t.match(await oneExperiment(world.store, row.name), { state: "promoted", promotion: id });
  await experiments.look();
  t.match(await listExperiments(world.store, 5), [{ state: "promoted" }], "and stays so");
  await world.tell(id, { kind: "rollback" });
  t.equal(await wishOf(world, "cam-1"), "1.0.0");
});

t.test("another rollout that takes its devices ends it", async (t) => {
  const { world, experiments } = await openWorld(t);
  await using _world = world;
  const row = await begin(world);
  await world.begin(V2, CAMS);
  await experiments.look();
  t.match(await oneExperiment(world.store, row.name), { state: "overtaken", why: /another rollout has its devices/ });
});

t.test("who cannot take part is told why", async (t) => {
  const { world } = await openWorld(t);
  await using _world = world;
  await world.join("cam-3");
  const spec = completeExperiment(REQUEST);
  const planned = await readPlan(world.store, rolloutOfExperiment(spec, world.nowMs), world.nowMs);
  const { devices, leftOut } = participantsOf(spec, planned);
  t.same(devices, CAMS);
  t.match(leftOut, [{ device: "cam-3", why: /serves nothing/ }]);
  t.throws(() => participantsOf({ ...spec, against: "0.9.0" as never }, planned), {
    code: "nothing-to-do",
    message: /it serves 1\.0\.0/,
  });
  await world.report("cam-2", { seq: 2, slots: [serving("b", "2.0.0")] });
  // The rollout of A goes on for cam-2, which has fallen from it.
  const other = { ...(await readPlan(world.store, rolloutOfExperiment(spec, world.nowMs), world.nowMs)), rivals: [] };
  t.match(participantsOf(spec, other), {
    devices: ["cam-1"],
    leftOut: [{ device: "cam-2", why: /serves 2\.0\.0 already/ }, {}],
  });
  const two = {
    ...other,
    plan: {
      ...other.plan,
      devices: other.plan.devices.map((one, at) =>
        at === 1 ? { ...one, from: "1.5.0" as never, action: "replace" as const } : one,
      ),
    },
  };
  t.throws(() => participantsOf(spec, two), {
    code: "several-versions",
    message: /1\.0\.0 on 1 device, 1\.5\.0 on 1 device/,
  });
  const third = await readPlan(world.store, rolloutOfExperiment(spec, world.nowMs), world.nowMs);
  t.throws(() => participantsOf(spec, third), { code: "rollout-under-way" });
  await t.rejects(oneExperiment(world.store, "nothing"), { code: "not-found" });
});

t.test("two of one name cannot run at once", async (t) => {
  const { world } = await openWorld(t);
  await using _world = world;
  const { selector: _all, ...request } = REQUEST;
  await begin(world, { ...request, devices: ["cam-1" as DeviceId] });
  await t.rejects(begin(world, { ...request, devices: ["cam-2" as DeviceId] }), {
    code: "experiment-under-way",
  });
});
