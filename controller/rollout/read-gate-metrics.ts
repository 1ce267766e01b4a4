/** Reads the telemetry of a stage's devices for its gates: each record once, while the stage lasts. */
import type { DeviceId, StreamId } from "../../protocol/ids.ts";
import type { RecordKind } from "../../protocol/messages/telemetry-batch.ts";
import type { Store } from "../store/store.ts";
import { firstSince, formerRecords, newestStreams, recordsOf } from "./device-records.ts";
import { DeviceWatch, watchedGate, type Watched, type WatchedGate } from "./device-watch.ts";
import { readingOf } from "./gate-counter.ts";
import type { GateDevice, GateRequest, ReadGates } from "./gate-request.ts";
import type { GateResult } from "./gate-result.ts";
import { judgeGate } from "./gates.ts";
import { orderOf } from "./order-of.ts";

/** Devices whose telemetry is read for one stage: fifty, drawn as by lot, tell what ten thousand would. */
export const GATE_DEVICES_MAX = 50;
/** Stages that are watched at once; the one not asked for longest is forgotten, and read anew when it is asked for. */
const STAGES_WATCHED_MAX = 64;
/**
 * For each device that is read: judging fifty takes some 20 ms, so that they are read once in ten seconds, and a canary of two
 * once in READ_EVERY_MS_MIN. While a version soaks its device tells what it does every two seconds.
 */
const READ_EVERY_MS_PER_DEVICE = 200;
const READ_EVERY_MS_MIN = 1_000;
/** Of one device in one look: a long backlog is read in several. */
const RECORDS_MAX = 2_000;

interface WatchedDevice {
  readonly watch: DeviceWatch;
  /** Of each stream, the first record that has not been read. */
  readonly nextOf: Map<StreamId, number>;
}

interface WatchedStage {
  readonly gates: readonly WatchedGate[];
  readonly kinds: readonly RecordKind[];
  readonly devices: Map<DeviceId, WatchedDevice>;
  readMs: number;
  judged: Judged | undefined;
}

/** What the gates said, and of whom. */
interface Judged {
  readonly of: string;
  readonly results: readonly GateResult[];
}

export function openGateReader(store: Store): ReadGates {
  const stages = new Map<string, WatchedStage>();

  function stageOf(request: GateRequest): WatchedStage {
    const { rollout, stage, version, gates } = request;
    const key = JSON.stringify([rollout, stage, version, gates]);
    const watched = stages.get(key) ?? newStage(request);
    // Moved to the end: the first one is the one not asked for longest.
    stages.delete(key);
    stages.set(key, watched);
    for (const oldest of stages.keys()) if (stages.size > STAGES_WATCHED_MAX) stages.delete(oldest);
    return watched;
  }

  return async (request, nowMs) => {
    const stage = stageOf(request);
    const devices = chosenDevices(request, stage);
    const isNews = devices.some(({ device }) => !stage.devices.has(device));
    const readEveryMs = Math.max(READ_EVERY_MS_MIN, devices.length * READ_EVERY_MS_PER_DEVICE);
    if (isNews || nowMs - stage.readMs >= readEveryMs) {
      stage.readMs = nowMs;
      stage.judged = undefined;
      for (const device of devices) await readDevice(store, stage, watchedOf(request, device), device.device, nowMs);
    }
    const of = JSON.stringify([request.isSoakOver, devices]);
    if (stage.judged?.of !== of) stage.judged = { of, results: resultsOf(stage, devices, request.isSoakOver) };
    return stage.judged.results;
  };
}

function newStage({ gates }: GateRequest): WatchedStage {
  const watched = gates.map(watchedGate);
  const fields = watched.flatMap(({ metric: { measure } }) => (measure.kind === "field" ? [measure.record] : []));
  // Events tell when the traffic is turned over.
  return {
    gates: watched,
    kinds: [...new Set<RecordKind>(["inference", "event", ...fields])],
    devices: new Map(),
    readMs: -Infinity,
    judged: undefined,
  };
}

/** Those that are watched already; the others in the order in which the rollout takes its devices, which is no device's own. */
function chosenDevices({ rollout, devices }: GateRequest, stage: WatchedStage): readonly GateDevice[] {
  const named = new Set(devices.map(({ device }) => device));
  for (const device of stage.devices.keys()) if (!named.has(device)) stage.devices.delete(device);
  const watched = devices.filter(({ device }) => stage.devices.has(device));
  if (watched.length >= Math.min(GATE_DEVICES_MAX, devices.length)) return watched;
  const others = devices
    .filter(({ device }) => !stage.devices.has(device))
    .sort((a, b) => orderOf(rollout, a.device) - orderOf(rollout, b.device));
  return [...watched, ...others].slice(0, GATE_DEVICES_MAX);
}

function watchedOf({ slot, version, isBeside }: GateRequest, { replaces, sinceMs }: GateDevice): Watched {
  return { slot, version, replaces, isBeside, sinceMs };
}

function resultsOf(stage: WatchedStage, devices: readonly GateDevice[], isSoakOver: boolean): GateResult[] {
  return stage.gates.map(({ gate, metric }, at) => {
    const counted = devices.flatMap(({ device, replaces }) => {
      const counter = stage.devices.get(device)?.watch.counters?.[at];
      return counter === undefined ? [] : [{ counter, isReplacing: replaces !== null }];
    });
    return judgeGate(gate, metric, readingOf(metric, counted), isSoakOver);
  });
}

async function readDevice(
  store: Store,
  stage: WatchedStage,
  watched: Watched,
  device: DeviceId,
  nowMs: number,
): Promise<void> {
  const known = stage.devices.get(device) ?? {
    watch: new DeviceWatch(stage.gates),
    nextOf: new Map<StreamId, number>(),
  };
  stage.devices.set(device, known);
  for (const { stream, next } of await newestStreams(store, device)) {
    const from = known.nextOf.get(stream) ?? (await firstSince(store, device, stream, next, watched.sinceMs));
    if (from >= next) continue;
    const records = await recordsOf(store, {
      device,
      stream,
      from,
      before: next,
      kinds: stage.kinds,
      limit: RECORDS_MAX,
    });
    for (const record of records) {
      if (known.watch.isBeginning(watched, record)) {
        known.watch.begin(watched, await formerRecords(store, stage.kinds, record, nowMs));
      }
      known.watch.add(watched, record);
    }
    const last = records.length < RECORDS_MAX ? undefined : records.at(-1);
    known.nextOf.set(stream, last === undefined ? next : last.seq + 1);
  }
}
