/** Reads the telemetry of a stage's devices for its gates: each record once, while the stage lasts. */
import type { DeviceId, StreamId } from "../../protocol/ids.ts";
import type { RecordKind } from "../../protocol/messages/telemetry-batch.ts";
import type { Store } from "../store/store.ts";
import { storedRecordOf, type StoredRecord } from "../telemetry/telemetry-record.ts";
import { DeviceWatch, watchedGate, type Watched, type WatchedGate } from "./device-watch.ts";
import { readingOf } from "./gate-counter.ts";
import type { GateDevice, GateRequest, ReadGates } from "./gate-request.ts";
import type { GateResult } from "./gate-result.ts";
import { judgeGate } from "./gates.ts";

/** Devices whose telemetry is read for one stage, the first that are named: fifty tell what ten thousand would. */
export const GATE_DEVICES_MAX = 50;
/** Stages that are watched at once; the one not asked for longest is forgotten, and read anew when it is asked for. */
const STAGES_WATCHED_MAX = 64;
/** Devices sum up ten seconds into one record: looking more often shows nothing. */
const READ_EVERY_MS = 5_000;
/** Of one device in one look: a long backlog is read in several. */
const RECORDS_MAX = 2_000;
/** Of the version before: four hours of a busy device, */
const FORMER_RECORDS_MAX = 2_000;
/** and never older than a day: what was true last week is no comparison. */
const FORMER_MS_MAX = 86_400_000;
/** Streams of one device that may hold a stage: a device that loses its database begins another. */
const STREAMS_MAX = 2;
/** How far back the beginning of a stage is looked for, where this program started after it: a day of a busy device. */
const LOOK_BACK_RECORDS_MAX = 20_000;

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
    const devices = request.devices.slice(0, GATE_DEVICES_MAX);
    const isNews = devices.some(({ device }) => !stage.devices.has(device));
    if (isNews || nowMs - stage.readMs >= READ_EVERY_MS) {
      stage.readMs = nowMs;
      for (const device of devices) await readDevice(store, stage, watchedOf(request, device), device.device, nowMs);
    }
    return resultsOf(stage, devices, request.isSoakOver);
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
  };
}

function watchedOf({ slot, version }: GateRequest, { replaces, sinceMs }: GateDevice): Watched {
  return { slot, version, replaces, sinceMs };
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
        known.watch.begin(watched, await formerRecords(store, stage, record, nowMs));
      }
      known.watch.add(watched, record);
    }
    const last = records.length < RECORDS_MAX ? undefined : records.at(-1);
    known.nextOf.set(stream, last === undefined ? next : last.seq + 1);
  }
}

/** Oldest first. */
async function newestStreams(store: Store, device: DeviceId): Promise<{ stream: StreamId; next: number }[]> {
  const streams = await store
    .selectFrom("streams")
    .select(["stream", "next"])
    .where("device", "=", device)
    .orderBy("first_ms", "desc")
    .limit(STREAMS_MAX)
    .execute();
  return streams.reverse();
}

/** The first record that was received since then; `next` where there is none. */
async function firstSince(
  store: Store,
  device: DeviceId,
  stream: StreamId,
  next: number,
  sinceMs: number,
): Promise<number> {
  const first = await store
    .selectFrom("telemetry")
    .select("seq")
    .where("device", "=", device)
    .where("stream", "=", stream)
    .where("seq", ">=", next - LOOK_BACK_RECORDS_MAX)
    .where("received_ms", ">=", sinceMs)
    .orderBy("seq")
    .limit(1)
    .executeTakeFirst();
  return first?.seq ?? next;
}

/** What came right before the version, oldest first. */
async function formerRecords(
  store: Store,
  { kinds }: WatchedStage,
  { device, stream, seq }: StoredRecord,
  nowMs: number,
): Promise<readonly StoredRecord[]> {
  const from = seq - FORMER_RECORDS_MAX;
  const records = await recordsOf(store, { device, stream, from, before: seq, kinds, limit: FORMER_RECORDS_MAX });
  return records.filter(({ receivedMs }) => receivedMs >= nowMs - FORMER_MS_MAX);
}

interface RecordsWanted {
  readonly device: DeviceId;
  readonly stream: StreamId;
  readonly from: number;
  readonly before: number;
  readonly kinds: readonly RecordKind[];
  readonly limit: number;
}

/** A range of the primary key, whatever else the table holds. */
async function recordsOf(
  store: Store,
  { device, stream, from, before, kinds, limit }: RecordsWanted,
): Promise<readonly StoredRecord[]> {
  const rows = await store
    .selectFrom("telemetry")
    .selectAll()
    .where("device", "=", device)
    .where("stream", "=", stream)
    .where("seq", ">=", from)
    .where("seq", "<", before)
    .where("kind", "in", kinds)
    .orderBy("seq")
    .limit(limit)
    .execute();
  return rows.map(storedRecordOf);
}
