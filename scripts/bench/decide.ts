/**
 * What a look at the rollouts costs: `decide` alone, with something heard of every device, and a whole pass of the engine on
 * a real database where a few hundred devices were heard of. Processor time, the median of seven. At 1,000, 10,000 and 100,000 devices in 50 rollouts.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { systemClock } from "../../common/clock.ts";
import { openLog } from "../../common/log.ts";
import { completeSpec } from "../../controller/rollout/complete-spec.ts";
import { createRollout } from "../../controller/rollout/create-rollout.ts";
import { decide } from "../../controller/rollout/decide.ts";
import { createRolloutPass } from "../../controller/rollout/rollout-pass.ts";
import type { Situation } from "../../controller/rollout/situation.ts";
import { tallyOf } from "../../controller/rollout/tally.ts";
import { registerBundle } from "../../controller/store/catalogue.ts";
import { openStore, type Store } from "../../controller/store/store.ts";
import type { DeviceId, ModelVersion, StatementDigest } from "../../protocol/ids.ts";
import {
  deviceView,
  DIGITS,
  INFO,
  modelJson,
  NOW_MS,
  reportOf,
  serving,
  slotFor,
} from "../../test/support/device-views.ts";
import { facts, GOAL, member, situation, stage } from "../../test/support/rollout-situations.ts";

const ROLLOUTS = 50;
const SIZES = [1_000, 10_000, 100_000] as const;
/** Heard of since the last pass: a second of a fleet of 10,000 with a heartbeat each half minute. */
const TOUCHED = 300;
const RUNS = 7;

const REQUEST = {
  stages: [stage("5%", 0.05), stage("25%", 0.25), stage("100%", 1)],
  gates: [],
  abort: { failedShareMax: 0.02, devicesMin: 5, then: "rollback" },
} as const;

/** Processor time of the whole process: what others on the machine do does not count. */
function cpuMs(since: NodeJS.CpuUsage): number {
  const { user, system } = process.cpuUsage(since);
  return (user + system) / 1_000;
}

function median(values: readonly number[]): number {
  return values.toSorted((one, other) => one - other)[Math.floor(values.length / 2)] ?? 0;
}

/** A rollout under way: of each ten, eight are done, one is on its way, one waits. */
function situationOf(devices: number): Situation {
  const members = Array.from({ length: devices }, (_, at) => {
    const device = `cam-${at}`;
    const isDone = at % 10 < 8;
    const state = isDone ? "done" : at % 10 === 8 ? "deploying" : "waiting";
    const asked = { device: device as DeviceId, seq: 2, slots: [GOAL] };
    const view =
      state === "waiting"
        ? deviceView(device)
        : deviceView(device, {
            deployment: asked,
            reportedMs: NOW_MS,
            report: reportOf(device, {
              seq: 2,
              slots: [
                isDone ? serving("b", "2.0.0") : serving("a", "1.0.0", { desired: GOAL.statement, phase: "verifying" }),
              ],
            }),
          });
    const none = { ask: "none", stage: null, seq: null, startedMs: null, previous: undefined } as const;
    return member(device, {
      state,
      order: at,
      why: isDone ? null : "verifying",
      view,
      ...(state === "waiting" ? none : {}),
    });
  });
  const rollout = facts({ stage: 2 }, { ...REQUEST, stages: [...REQUEST.stages], gates: [] });
  return situation(rollout, members, { tally: tallyOf(members), changesMax: 250 });
}

function benchDecide(devices: number): string {
  globalThis.gc?.();
  const before = process.memoryUsage().heapUsed;
  const situations = Array.from({ length: ROLLOUTS }, () => situationOf(devices / ROLLOUTS));
  globalThis.gc?.();
  const held = process.memoryUsage().heapUsed;
  let peak = 0;
  let decisions = 0;
  const times = Array.from({ length: RUNS }, () => {
    const began = process.cpuUsage();
    decisions = 0;
    for (const one of situations) decisions += decide(one).length;
    const tookMs = cpuMs(began);
    // Young garbage comes and goes with the size of the young generation: what counts is what cannot be collected.
    globalThis.gc?.();
    peak = Math.max(peak, process.memoryUsage().heapUsed);
    return tookMs;
  });
  const mebibytes = (bytes: number) => `${(bytes / 1024 ** 2).toFixed(0)} MiB`;
  return `decide, all ${devices} views present   ${median(times).toFixed(1).padStart(8)} ms   ${decisions} decisions   views ${mebibytes(held - before)}, heap with the decisions at most ${mebibytes(peak)}`;
}

/** Rows as a fleet leaves them that has been rolled out to: all done but one in ten. */
async function fillStore(store: Store, devices: number): Promise<void> {
  const ids = Array.from({ length: devices }, (_, at) => `cam-${at}` as DeviceId);
  const info_json = JSON.stringify(INFO);
  for (let at = 0; at < devices; at += 1_000) {
    const part = ids.slice(at, at + 1_000);
    const seen = { first_seen_ms: 0, last_heard_ms: 0, online: 1, online_since_ms: 0, info_json } as const;
    await store
      .insertInto("devices")
      .values(part.map((id) => ({ id, ...seen })))
      .execute();
  }
  const perRollout = devices / ROLLOUTS;
  for (let rollout = 0; rollout < ROLLOUTS; rollout += 1) {
    const part = ids.slice(rollout * perRollout, (rollout + 1) * perRollout);
    const version = `1.0.${rollout}` as ModelVersion;
    const digest = rollout.toString(16).padStart(64, "0") as StatementDigest;
    const slot = { ...slotFor("a", version), statement: digest };
    const model = modelJson(version);
    const entry = { statement: digest, model, archive: slot.archive, pushedMs: NOW_MS };
    await registerBundle(store, entry);
    const spec = completeSpec({ model: DIGITS, version, ...REQUEST, stages: [...REQUEST.stages], gates: [] });
    const created = { entry, spec, selector: "all devices", author: "ada", devices: part, foretold: new Map() };
    const id = await createRollout(store, created, NOW_MS);
    await fillDeployed(store, { id, part, slot, digest });
    await store.updateTable("rollouts").set({ stage: 2 }).where("id", "=", id).execute();
  }
}

interface Deployed {
  readonly id: number;
  readonly part: readonly DeviceId[];
  readonly slot: ReturnType<typeof slotFor>;
  readonly digest: StatementDigest;
}

async function fillDeployed(store: Store, { id, part, slot, digest }: Deployed): Promise<void> {
  const slots_json = JSON.stringify([slot]);
  for (let at = 0; at < part.length; at += 1_000) {
    const some = part.slice(at, at + 1_000);
    await store
      .insertInto("deployments")
      .values(some.map((device) => ({ device, seq: 2, slots_json, changed_ms: 0 })))
      .execute();
    const slots = [serving("a", slot.version, { desired: digest })].map((report) => ({
      ...report,
      ...(report.active === undefined ? {} : { active: { ...report.active, statement: digest } }),
    }));
    await store
      .insertInto("reports")
      .values(
        some.map((device) => ({
          device,
          counter: 1,
          received_ms: NOW_MS,
          report_json: JSON.stringify(reportOf(device, { seq: 2, slots })),
        })),
      )
      .execute();
  }
  const done = { ask: "forward", seq: 2, stage: 2, reachable: 1, started_ms: 0, previous_json: "null" } as const;
  await store
    .updateTable("rollout_devices")
    .set({ ...done, state: "done" })
    .where("rollout", "=", id)
    .execute();
  const offline = part.filter((_, at) => at % 10 === 0);
  for (let at = 0; at < offline.length; at += 1_000) {
    await store
      .updateTable("rollout_devices")
      .set({ state: "waiting", ask: "none", seq: null, stage: null, reachable: 0, started_ms: null })
      .where("rollout", "=", id)
      .where("device", "in", offline.slice(at, at + 1_000))
      .execute();
    await store
      .updateTable("devices")
      .set({ online: 0 })
      .where("id", "in", offline.slice(at, at + 1_000))
      .execute();
  }
}

async function benchPass(devices: number): Promise<string> {
  const directory = mkdtempSync(join(tmpdir(), "modelferry-decide-"));
  try {
    await using opened = await openStore(join(directory, "controller.db"));
    const { store } = opened;
    await fillStore(store, devices);
    const pass = createRolloutPass({
      store,
      publish: () => undefined,
      readGates: () => Promise.resolve([]),
      clock: systemClock,
      log: openLog("bench", "silent"),
    });
    const heard = new Set(
      Array.from({ length: TOUCHED }, (_, at) => `cam-${Math.floor((at * devices) / TOUCHED)}` as DeviceId),
    );
    // The first pass sees which devices are there and which are not; the rollouts complete in it.
    await pass(heard);
    await store.updateTable("rollouts").set({ state: "running" }).execute();
    const underWay = await timed(() => pass(heard));
    const settled = await timed(() => pass(heard));
    const quiet = await timed(() => pass(new Set()));
    return `pass, ${devices} in the database    ${TOUCHED} heard of: ${underWay.toFixed(1).padStart(8)} ms with 50 rollouts running, ${settled.toFixed(1)} ms settled; nothing heard of: ${quiet.toFixed(1)} ms`;
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

async function timed(work: () => Promise<void>): Promise<number> {
  const times: number[] = [];
  for (let run = 0; run < RUNS; run += 1) {
    const began = process.cpuUsage();
    await work();
    times.push(cpuMs(began));
  }
  return median(times);
}

for (const devices of SIZES) console.log(benchDecide(devices));
for (const devices of SIZES) console.log(await benchPass(devices));
