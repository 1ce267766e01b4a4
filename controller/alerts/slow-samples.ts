/** What is too much work for every look, and does not change faster than devices tell of it. */
import { messageOf } from "../../common/ferry-error.ts";
import type { Log } from "../../common/log.ts";
import { readAnomalies } from "../drift/read-anomalies.ts";
import { readClassDrift } from "../drift/read-class-drift.ts";
import { readDrift, type DriftPorts } from "../drift/read-drift.ts";
import type { DeviceView } from "../fleet/device-view.ts";
import { latestHealth } from "../telemetry/latest-health.ts";
import type { AlertSample } from "./alert-metrics.ts";
import { healthSamplesOf } from "./health-samples.ts";

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
/** Devices tell distributions this often; to judge those of a large fleet takes up to two seconds. */
const REFRESH_MS = 5 * MINUTE_MS;
const DRIFT_WINDOW_MS = 24 * HOUR_MS;
/** A device that saves its data beats by the hour, and tells its health by the hour or, at last, by the day. */
const SPARING_HEARTBEAT_MS = HOUR_MS;
const SPARING_HEALTH_MS = 26 * HOUR_MS;

export interface SlowSamplePorts extends DriftPorts {
  readonly log: Log;
}

/** It tells its health too seldom to be looked for among what came in the last minutes. */
export function isSparing({ report }: Pick<DeviceView, "report">): boolean {
  return report !== undefined && report.heartbeatMs >= SPARING_HEARTBEAT_MS;
}

/** Gives what it read last, and reads anew once that is five minutes old. */
export type ReadSlowSamples = (devices: readonly DeviceView[], nowMs: number) => Promise<readonly AlertSample[]>;

export function openSlowSamples(ports: SlowSamplePorts): ReadSlowSamples {
  let last: { readonly atMs: number; readonly samples: readonly AlertSample[] } | undefined;
  return async (devices, nowMs) => {
    if (last !== undefined && nowMs >= last.atMs && nowMs - last.atMs < REFRESH_MS) return last.samples;
    const known = new Map<string, DeviceView>(devices.map((device) => [device.id, device]));
    const labelsOf: LabelsOf = (device) => ({ ...known.get(device)?.labels, device });
    const samples = [
      ...(await readable(ports, "drift", () => driftSamples(ports, nowMs))),
      ...(await readable(ports, "anomalies", () => anomalySamples(ports, labelsOf, nowMs))),
      ...(await readable(ports, "devices unlike their class", () => unlikeSamples(ports, labelsOf, nowMs))),
      ...(await sparingHealth(ports, devices, nowMs)),
    ];
    last = { atMs: nowMs, samples };
    return samples;
  };
}

/** A baseline that cannot be read must not keep the other rules from being looked at. */
async function readable({ log }: SlowSamplePorts, what: string, read: () => Promise<AlertSample[]>) {
  try {
    return await read();
  } catch (thrown) {
    log.warn({ what, error: messageOf(thrown) }, "something could not be read for the alert rules");
    return [];
  }
}

/** A version of which nothing can be judged has no sample: what fired before ends, as nothing says that it goes on. */
async function driftSamples(ports: SlowSamplePorts, nowMs: number): Promise<AlertSample[]> {
  const verdicts = await readDrift(ports, { nowMs, windowMs: DRIFT_WINDOW_MS });
  const judged = verdicts.filter(({ state }) => state === "drifting" || state === "steady");
  return [...Map.groupBy(judged, ({ slot, version }) => JSON.stringify([slot, version])).values()].flatMap((own) => {
    const [first] = own;
    if (first === undefined) return [];
    const labels = { model: first.slot, version: first.version };
    return [{ metric: "drifting_features", labels, value: own.filter(({ isDrifting }) => isDrifting).length }];
  });
}

/** The labels of a device, by which rules choose, and its id. */
type LabelsOf = (device: string) => Readonly<Record<string, string>>;

async function anomalySamples(ports: SlowSamplePorts, labelsOf: LabelsOf, nowMs: number): Promise<AlertSample[]> {
  const verdicts = await readAnomalies(ports, { nowMs, windowMs: DRIFT_WINDOW_MS, by: "device" });
  return verdicts.flatMap(({ state, slot, version, device, anomalous, examples }) => {
    if (device === undefined || (state !== "anomalous" && state !== "usual")) return [];
    const value = state === "usual" ? 0 : anomalous / Math.max(1, examples);
    return [
      { metric: "anomalous_example_ratio" as const, labels: { ...labelsOf(device), model: slot, version }, value },
    ];
  });
}

async function unlikeSamples({ store }: SlowSamplePorts, labelsOf: LabelsOf, nowMs: number): Promise<AlertSample[]> {
  const verdicts = await readClassDrift(store, { nowMs, windowMs: DRIFT_WINDOW_MS });
  return verdicts.map(({ slot, version, device, unlike }) => ({
    metric: "unlike_class_features",
    labels: { ...labelsOf(device), model: slot, version },
    value: unlike,
  }));
}

async function sparingHealth({ store }: SlowSamplePorts, devices: readonly DeviceView[], nowMs: number) {
  const samples: AlertSample[] = [];
  for (const { id, labels } of devices.filter(isSparing)) {
    const health = await latestHealth(store, id);
    if (health === undefined || health.receivedMs < nowMs - SPARING_HEALTH_MS) continue;
    samples.push(...healthSamplesOf(health.fields).map((one) => ({ ...one, labels: { ...labels, device: id } })));
  }
  return samples;
}
