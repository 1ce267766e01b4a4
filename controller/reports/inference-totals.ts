import type { VersionInference } from "../telemetry/fleet-inference.ts";
import type { InferenceSummary } from "./report-shape.ts";

/** Where no version is to blame (an unknown model, a full queue) it stands as this. */
const NO_VERSION = "–";

/** What the model versions did, for people: the busiest first. */
export function inferenceTotals(versions: readonly VersionInference[]): InferenceSummary[] {
  return versions.map(summary).sort((a, b) => b.requests - a.requests);
}

function summary({ slot, version = NO_VERSION, devices, sum }: VersionInference): InferenceSummary {
  const { requests, failed, absoluteSum, counts, sketches } = sum;
  const { crashes, feedbackJudged: judged, feedbackRight: right, feedbackMeasured: measured } = counts;
  const [p50, p95] = [sketches.inferSketch.quantile(0.5), sketches.inferSketch.quantile(0.95)];
  return {
    slot,
    version,
    devices,
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
