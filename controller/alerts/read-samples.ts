/** The present value of every metric that rules can be about, from the database. */
import { sql } from "kysely";
import type { DeviceId } from "../../protocol/ids.ts";
import { RecordFieldsSchema } from "../../protocol/messages/telemetry-batch.ts";
import { gate } from "../../protocol/schema.ts";
import type { DeviceView } from "../fleet/device-view.ts";
import { readDevices } from "../fleet/read-devices.ts";
import { accountsOf } from "../reports/telemetry-accounts.ts";
import { listRollouts } from "../rollout/rollouts.ts";
import type { Store } from "../store/store.ts";
import type { RolloutRow } from "../store/tables.ts";
import { readFleetInference, type VersionInference } from "../telemetry/fleet-inference.ts";
import { listGaps } from "../telemetry/gaps.ts";
import type { AlertMetric, AlertSample } from "./alert-metrics.ts";
import { healthSamplesOf } from "./health-samples.ts";
import { isSparing, type ReadSlowSamples } from "./slow-samples.ts";

const MINUTE_MS = 60_000;
const DAY_MS = 86_400_000;
/** What "lately" is for requests: long enough for every device's minute to have come. */
const RECENT_MS = 15 * MINUTE_MS;
/** What a latency is held against. */
const PAST_MS = DAY_MS;
/** Fewer requests or answers say nothing about a ratio. */
const COUNT_MIN = 50;
/** Measurements of a device that are older say nothing of the present. */
const HEALTH_MS = 10 * MINUTE_MS;
const LOST_MS = 3_600_000;
/** The newest: what came before is over. */
const ROLLOUTS_MAX = 50;

export interface SampleRequest {
  readonly nowMs: number;
  readonly rootExpiresMs: number;
  readonly readSlow: ReadSlowSamples;
}

export async function readSamples(
  store: Store,
  { nowMs, rootExpiresMs, readSlow }: SampleRequest,
): Promise<AlertSample[]> {
  const devices = await readDevices(store);
  const byId = new Map(devices.map((device) => [device.id, device]));
  const ofDevice = (metric: AlertMetric, id: DeviceId, value: number): AlertSample[] => {
    const device = byId.get(id);
    return device === undefined ? [] : [{ metric, labels: { ...device.labels, device: id }, value }];
  };
  return [
    ...devices.flatMap((device) => presenceSamples(device, nowMs)),
    ...(await healthSamples(store, devices, nowMs, ofDevice)),
    ...(await readSlow(devices, nowMs)),
    ...(await certificateSamples(store, nowMs, ofDevice)),
    ...(await lossSamples(store, devices, nowMs, ofDevice)),
    ...inferenceSamples(
      await readFleetInference(store, { fromMs: nowMs - RECENT_MS, toMs: nowMs + 1 }),
      await readFleetInference(store, { fromMs: nowMs - RECENT_MS - PAST_MS, toMs: nowMs - RECENT_MS }),
    ),
    ...rolloutSamples(await listRollouts(store, ROLLOUTS_MAX)),
    { metric: "root_days_left", labels: {}, value: (rootExpiresMs - nowMs) / DAY_MS },
  ];
}

type OfDevice = (metric: AlertMetric, id: DeviceId, value: number) => AlertSample[];

/** A device that never told its hardware is a name on the broker, not a device to be missed. */
function presenceSamples(device: DeviceView, nowMs: number): AlertSample[] {
  if (device.info === undefined) return [];
  const labels = { ...device.labels, device: device.id };
  const missing = (device.deployment?.slots ?? []).filter(
    ({ slot }) => device.report?.slots.find((report) => report.slot === slot)?.active === undefined,
  );
  const awayS = device.online ? 0 : Math.max(0, nowMs - device.onlineSinceMs) / 1_000;
  return [
    { metric: "device_offline_seconds", labels, value: awayS },
    { metric: "device_refusal", labels, value: device.report?.refusal === undefined ? 0 : 1 },
    { metric: "model_missing", labels, value: device.online ? missing.length : 0 },
  ];
}

/** Those that save their data tell it too seldom for this, and are read by `slow-samples.ts`. */
async function healthSamples(
  store: Store,
  devices: readonly DeviceView[],
  nowMs: number,
  ofDevice: OfDevice,
): Promise<AlertSample[]> {
  const sparing = new Set(devices.filter(isSparing).map(({ id }) => id));
  const rows = await store
    .selectFrom("telemetry")
    // SQLite and PostgreSQL differ here: of one device's rows, SQLite gives the fields of the one that was stored last.
    .select(["device", "fields_json", sql<number>`max(rowid)`.as("last")])
    .where("kind", "=", "health")
    .where("backfill", "=", 0)
    .where("received_ms", ">=", nowMs - HEALTH_MS)
    .groupBy("device")
    .execute();
  return rows
    .filter(({ device }) => !sparing.has(device))
    .flatMap(({ device, fields_json }) =>
      healthSamplesOf(readHealth(JSON.parse(fields_json))).flatMap(({ metric, value }) =>
        ofDevice(metric, device, value),
      ),
    );
}

const readHealth = gate("stored health record", RecordFieldsSchema);

async function certificateSamples(store: Store, nowMs: number, ofDevice: OfDevice): Promise<AlertSample[]> {
  const rows = await store
    .selectFrom("certificates")
    .select(({ fn }) => ["device", fn.max("expires_ms").as("expires_ms")])
    .groupBy("device")
    .execute();
  return rows.flatMap(({ device, expires_ms }) =>
    ofDevice("certificate_days_left", device, (expires_ms - nowMs) / DAY_MS),
  );
}

async function lossSamples(
  store: Store,
  devices: readonly DeviceView[],
  nowMs: number,
  ofDevice: OfDevice,
): Promise<AlertSample[]> {
  const accounts = Map.groupBy(await accountsOf(store, devices), ({ device }) => device);
  const gaps = (await listGaps(store, { sinceMs: nowMs - LOST_MS })).filter(({ cause }) => cause !== "rolled-up");
  return [
    ...[...accounts].flatMap(([device, streams]) =>
      ofDevice(
        "telemetry_missing_records",
        device,
        streams.reduce((sum, { missing }) => sum + missing, 0),
      ),
    ),
    ...[...Map.groupBy(gaps, ({ device }) => device)].flatMap(([device, own]) =>
      // A loss of unknown size is one at least.
      ofDevice(
        "telemetry_lost_records",
        device,
        own.reduce((sum, { count = 1 }) => sum + count, 0),
      ),
    ),
  ];
}

/** Pure. */
export function inferenceSamples(
  recent: readonly VersionInference[],
  past: readonly VersionInference[],
): AlertSample[] {
  return recent.flatMap(({ slot, version, sum }) => {
    if (version === undefined) return [];
    const labels = { model: slot, version };
    const before = past.find((other) => other.slot === slot && other.version === version)?.sum.sketches.inferSketch;
    const [now, then] = [sum.sketches.inferSketch.quantile(0.95), before?.quantile(0.95)];
    return [
      { metric: "runner_crashes", labels, value: sum.counts.crashes },
      ...(sum.requests < COUNT_MIN ? [] : [sample("error_ratio", labels, sum.failed / sum.requests)]),
      ...(now === undefined || then === undefined || then <= 0 || sum.requests - sum.failed < COUNT_MIN
        ? []
        : [sample("latency_p95_ratio", labels, now / then)]),
    ];
  });
}

function sample(metric: AlertMetric, labels: AlertSample["labels"], value: number): AlertSample {
  return { metric, labels, value };
}

/** Pure. Newest first: what an older rollout of the model came to is history. */
export function rolloutSamples(
  rollouts: readonly Pick<RolloutRow, "id" | "name" | "version" | "state" | "stage_phase">[],
): AlertSample[] {
  return rollouts.map(({ id, name, version, state, stage_phase }, at) => {
    const isNewest = rollouts.findIndex((other) => other.name === name) === at;
    const needsPerson =
      (isNewest && state === "failed") || state === "paused" || (state === "running" && stage_phase === "approval");
    return {
      metric: "rollout_needs_person",
      labels: { rollout: String(id), model: name, version },
      value: needsPerson ? 1 : 0,
    };
  });
}
