/** What the model versions did, added up over devices and time. */
import type { DeviceId } from "../../protocol/ids.ts";
import { checkInferenceFields, OUTCOME_PREFIX } from "../../protocol/messages/telemetry-inference.ts";
import { ProtocolError } from "../../protocol/protocol-error.ts";
import { Sketch } from "../../protocol/sketch.ts";
import type { InferenceSummary } from "./report-shape.ts";

/** One `inference` record: what one version did on one device in one interval. */
export interface InferenceRow {
  readonly device: DeviceId;
  readonly fields: Readonly<Record<string, unknown>>;
}

/** Where no version is to blame (an unknown model, a full queue) it stands as this. */
const NO_VERSION = "–";

interface Total {
  readonly slot: string;
  readonly version: string;
  readonly devices: Set<DeviceId>;
  readonly latency: Sketch;
  requests: number;
  failed: number;
  crashes: number;
  judged: number;
  right: number;
  measured: number;
  absoluteSum: number;
}

/** By model and version, the busiest first. A record that cannot be read is left out: it came from one device. */
export function inferenceTotals(rows: readonly InferenceRow[]): InferenceSummary[] {
  const totals = new Map<string, Total>();
  for (const { device, fields } of rows) {
    try {
      add(totals, device, fields);
    } catch (thrown) {
      if (!(thrown instanceof ProtocolError)) throw thrown;
    }
  }
  return [...totals.values()].map(summary).sort((a, b) => b.requests - a.requests);
}

function add(totals: Map<string, Total>, device: DeviceId, fields: Readonly<Record<string, unknown>>): void {
  const inference = checkInferenceFields(fields);
  const { slot, version = NO_VERSION, crashes = 0, inferSketch = "" } = inference;
  const { feedbackJudged = 0, feedbackRight = 0, feedbackMeasured = 0, feedbackAbsoluteMean = 0 } = inference;
  const latency = Sketch.fromText(inferSketch);
  const key = `${slot}@${version}`;
  const total = totals.get(key) ?? {
    slot,
    version,
    devices: new Set(),
    latency: new Sketch(),
    requests: 0,
    failed: 0,
    crashes: 0,
    judged: 0,
    right: 0,
    measured: 0,
    absoluteSum: 0,
  };
  totals.set(key, total);
  for (const [name, count] of Object.entries(fields)) {
    if (!name.startsWith(OUTCOME_PREFIX) || typeof count !== "number") continue;
    total.requests += count;
    if (name !== `${OUTCOME_PREFIX}answered`) total.failed += count;
  }
  total.devices.add(device);
  total.latency.merge(latency);
  total.crashes += crashes;
  total.judged += feedbackJudged;
  total.right += feedbackRight;
  total.measured += feedbackMeasured;
  total.absoluteSum += feedbackMeasured * feedbackAbsoluteMean;
}

function summary(total: Total): InferenceSummary {
  const { slot, version, devices, latency, requests, failed, crashes, judged, right, measured, absoluteSum } = total;
  const [p50, p95] = [latency.quantile(0.5), latency.quantile(0.95)];
  return {
    slot,
    version,
    devices: devices.size,
    requests,
    failed,
    errorRate: requests === 0 ? 0 : failed / requests,
    crashes,
    ...(p50 === undefined ? {} : { latencyP50Ms: p50 }),
    ...(p95 === undefined ? {} : { latencyP95Ms: p95 }),
    ...(judged === 0 ? {} : { judged, accuracy: right / judged }),
    ...(measured === 0 ? {} : { mae: absoluteSum / measured }),
  };
}
