import { EXIT, FerryError } from "../../common/ferry-error.ts";
import { InferenceSum } from "../../protocol/inference-sum.ts";
import type { DeviceId } from "../../protocol/ids.ts";
import { readAnomalies } from "../drift/read-anomalies.ts";
import { readDrift, type DriftPorts } from "../drift/read-drift.ts";
import { readDevices } from "../fleet/read-devices.ts";
import { rolloutsOfDevice } from "../rollout/rollouts.ts";
import type { Store } from "../store/store.ts";
import { listGaps } from "../telemetry/gaps.ts";
import { listProblems } from "../telemetry/problems.ts";
import { readInference } from "../telemetry/read-inference.ts";
import type { ReportDocument } from "./document.ts";
import { deviceDocument } from "./device-document.ts";
import { DRIFT_WINDOW_MS_MIN, endingCertificates, gapsByDevice } from "./fleet-history.ts";
import { inferenceTotals } from "./inference-totals.ts";
import type { PresenceWindow } from "./presence-spans.ts";
import { readHealthSeries } from "./read-health-series.ts";
import { Trend, trendSeries, type TrendSeries } from "./read-latency-trend.ts";
import { readPresence } from "./read-presence.ts";
import type { ReportQuestion } from "./report-question.ts";
import type { InferenceSummary } from "./report-shape.ts";
import { accountsOf, telemetrySummary } from "./telemetry-accounts.ts";

/** The newest: `ferry events` has all. */
const EVENTS_MAX = 20;

/** Throws `not-found`. */
export async function readDeviceReport(
  ports: DriftPorts,
  { device: id, windowMs }: Extract<ReportQuestion, { kind: "device" }>,
  nowMs: number,
): Promise<ReportDocument> {
  const { store } = ports;
  const window = { fromMs: nowMs - windowMs, toMs: nowMs };
  const [device] = await readDevices(store, [id]);
  if (device === undefined) {
    throw new FerryError("not-found", `There is no device ${id}`, {
      hint: "See which there are with: ferry device list",
      exitCode: EXIT.notFound,
    });
  }
  const gaps = await listGaps(store, { device: id, sinceMs: window.fromMs });
  const problems = await listProblems(store, id);
  const drift = { devices: [id], nowMs, windowMs: Math.max(DRIFT_WINDOW_MS_MIN, windowMs) };
  return deviceDocument({
    atMs: nowMs,
    windowMs,
    device,
    presence: device.info === undefined ? [] : await readPresence(store, [device], window),
    health: await readHealthSeries(store, id, window),
    ...(await readOwnInference(store, id, window)),
    drift: await readDrift(ports, drift),
    anomalies: await readAnomalies(ports, { ...drift, by: "device" }),
    telemetry: telemetrySummary(await accountsOf(store, [device])),
    gaps: gapsByDevice(gaps),
    problems: problems.filter(({ lastMs }) => lastMs >= window.fromMs),
    certificates: await endingCertificates(store, [device], nowMs),
    rollouts: await rolloutsOfDevice(store, id),
    events: await eventsOf(store, id),
  });
}

async function readOwnInference(
  store: Store,
  device: DeviceId,
  window: PresenceWindow,
): Promise<{ readonly inference: readonly InferenceSummary[]; readonly trend: readonly TrendSeries[] }> {
  const versions = new Map<string, { slot: string; version: string | undefined; devices: number; sum: InferenceSum }>();
  const trends = new Map<string, Trend>();
  for await (const { slot, version, atMs, sum } of readInference(store, { devices: [device], ...window })) {
    const name = `${slot}@${version ?? ""}`;
    const one = versions.get(name) ?? { slot, version, devices: 1, sum: new InferenceSum() };
    versions.set(name, one);
    one.sum.merge(sum);
    if (version === undefined) continue;
    const trend = trends.get(name) ?? new Trend(window);
    trends.set(name, trend);
    trend.add(atMs, sum);
  }
  return { inference: inferenceTotals([...versions.values()]), trend: trendSeries(trends) };
}

async function eventsOf(store: Store, device: DeviceId) {
  const rows = await store
    .selectFrom("events")
    .select(["at_ms", "text"])
    .where("device", "=", device)
    .orderBy("id", "desc")
    .limit(EVENTS_MAX)
    .execute();
  return rows.map(({ at_ms: atMs, text }) => ({ atMs, text }));
}
