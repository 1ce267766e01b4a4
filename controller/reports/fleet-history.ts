/** What the window of a fleet report holds besides the present: presence, trends, gaps by device, certificates that end. */
import type { DeviceId } from "../../protocol/ids.ts";
import type { DeviceView } from "../fleet/device-view.ts";
import type { Store } from "../store/store.ts";
import type { DriftVerdict } from "../drift/drift-shape.ts";
import { readDrift, type DriftPorts } from "../drift/read-drift.ts";
import type { AnomalyVerdict } from "../drift/anomaly-shape.ts";
import { readAnomalies } from "../drift/read-anomalies.ts";
import type { ClassVerdict } from "../drift/class-shape.ts";
import { readClassDrift } from "../drift/read-class-drift.ts";
import { listGaps, type TelemetryGap } from "../telemetry/gaps.ts";
import { listProblems, type TelemetryProblem } from "../telemetry/problems.ts";
import type { DevicePresence, PresenceWindow } from "./presence-spans.ts";
import { readClassInference, type ClassInference } from "./read-class-inference.ts";
import { readLatencyTrend, type TrendSeries } from "./read-latency-trend.ts";
import { readPresence } from "./read-presence.ts";

export interface FleetHistory {
  readonly presence: readonly DevicePresence[];
  readonly trend: readonly TrendSeries[];
  readonly classes: readonly ClassInference[];
  /** Drifting features first. */
  readonly drift: readonly DriftVerdict[];
  /** By device, anomalous ones first. */
  readonly anomalies: readonly AnomalyVerdict[];
  /** Devices held against their hardware class, those that differ first. */
  readonly unlike: readonly ClassVerdict[];
  /** Met in the window. */
  readonly problems: readonly TelemetryProblem[];
  /** What was declared in the window, without what only came added up. */
  readonly gaps: readonly DeviceGaps[];
  /** Those that end within CERTIFICATE_WARNING_MS, or have. */
  readonly certificates: readonly { readonly device: DeviceId; readonly expiresMs: number }[];
}

export interface DeviceGaps {
  readonly device: DeviceId;
  readonly cause: TelemetryGap["cause"];
  /** Records; a loss of unknown size counts 0. */
  readonly records: number;
  readonly gaps: number;
  readonly lastMs: number;
}

/** Devices renew a month ahead: at ten days several tries have failed. */
const CERTIFICATE_WARNING_MS = 10 * 86_400_000;

/** Fewer hours have too few examples where a model is asked now and then; the newest that suffice are compared anyway. */
export const DRIFT_WINDOW_MS_MIN = 86_400_000;

export async function readFleetHistory(
  ports: DriftPorts,
  devices: readonly DeviceView[],
  window: PresenceWindow,
): Promise<FleetHistory> {
  const { store } = ports;
  const unusual = { nowMs: window.toMs, windowMs: Math.max(DRIFT_WINDOW_MS_MIN, window.toMs - window.fromMs) };
  return {
    // A name on the broker that never told its hardware is not missed.
    presence: await readPresence(
      store,
      devices.filter(({ info }) => info !== undefined),
      window,
    ),
    trend: await readLatencyTrend(store, window),
    classes: await readClassInference(store, devices, window),
    drift: await readDrift(ports, unusual),
    anomalies: await readAnomalies(ports, { ...unusual, by: "device" }),
    unlike: await readClassDrift(store, unusual),
    problems: (await listProblems(store)).filter(({ lastMs }) => lastMs >= window.fromMs),
    gaps: gapsByDevice(await listGaps(store, { sinceMs: window.fromMs })),
    certificates: await endingCertificates(store, devices, window.toMs),
  };
}

/** The newest of each device, where it ends within CERTIFICATE_WARNING_MS or has; the first to end first. */
export async function endingCertificates(
  store: Store,
  devices: readonly DeviceView[],
  nowMs: number,
): Promise<FleetHistory["certificates"]> {
  const known = new Set(devices.map(({ id }) => id));
  const certificates = await store
    .selectFrom("certificates")
    .select(({ fn }) => ["device", fn.max("expires_ms").as("expires_ms")])
    .groupBy("device")
    .execute();
  return certificates
    .filter(({ device, expires_ms }) => known.has(device) && expires_ms < nowMs + CERTIFICATE_WARNING_MS)
    .map(({ device, expires_ms: expiresMs }) => ({ device, expiresMs }))
    .sort((a, b) => a.expiresMs - b.expiresMs);
}

/** The greatest losses first. */
export function gapsByDevice(gaps: readonly TelemetryGap[]): DeviceGaps[] {
  const lost = gaps.filter(({ cause }) => cause !== "rolled-up");
  return [...Map.groupBy(lost, ({ device, cause }) => `${device}/${cause}`).values()]
    .flatMap((own) => {
      const [first] = own;
      if (first === undefined) return [];
      const records = own.reduce((sum, { count = 0 }) => sum + count, 0);
      const lastMs = Math.max(...own.map(({ receivedMs }) => receivedMs));
      return [{ device: first.device, cause: first.cause, records, gaps: own.length, lastMs }];
    })
    .sort((a, b) => b.records - a.records);
}
