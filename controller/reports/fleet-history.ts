/** What the window of a fleet report holds besides the present: presence, trends, gaps by device, certificates that end. */
import type { DeviceId } from "../../protocol/ids.ts";
import type { DeviceView } from "../fleet/device-view.ts";
import type { Store } from "../store/store.ts";
import { listGaps, type TelemetryGap } from "../telemetry/gaps.ts";
import type { DevicePresence, PresenceWindow } from "./presence-spans.ts";
import { readLatencyTrend, type TrendSeries } from "./read-latency-trend.ts";
import { readPresence } from "./read-presence.ts";

export interface FleetHistory {
  readonly presence: readonly DevicePresence[];
  readonly trend: readonly TrendSeries[];
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
export const CERTIFICATE_WARNING_MS = 10 * 86_400_000;

export async function readFleetHistory(
  store: Store,
  devices: readonly DeviceView[],
  window: PresenceWindow,
): Promise<FleetHistory> {
  const known = new Set(devices.map(({ id }) => id));
  const certificates = await store
    .selectFrom("certificates")
    .select(({ fn }) => ["device", fn.max("expires_ms").as("expires_ms")])
    .groupBy("device")
    .execute();
  return {
    // A name on the broker that never told its hardware is not missed.
    presence: await readPresence(
      store,
      devices.filter(({ info }) => info !== undefined),
      window,
    ),
    trend: await readLatencyTrend(store, window),
    gaps: gapsByDevice(await listGaps(store, { sinceMs: window.fromMs })),
    certificates: certificates
      .filter(({ device, expires_ms }) => known.has(device) && expires_ms < window.toMs + CERTIFICATE_WARNING_MS)
      .map(({ device, expires_ms: expiresMs }) => ({ device, expiresMs }))
      .sort((a, b) => a.expiresMs - b.expiresMs),
  };
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
