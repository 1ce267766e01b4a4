import { FARTHEST_FEATURE } from "../../protocol/features/anomaly-scorer.ts";
import type { AnomalySpan } from "./anomaly-shape.ts";
import type { DistributionRow } from "./read-distributions.ts";

/** Stretches over all that was read: a day by half an hour. */
const SPANS_MAX = 48;
/** Windows of devices are no shorter in earnest. */
const SPAN_MS_MIN = 1_000;

/** Scored and anomalous examples over time, by the detector that found most in each stretch; those that hold something. Pure. */
export function spansOf(rows: readonly DistributionRow[]): readonly AnomalySpan[] {
  const scores = rows.filter(({ fields }) => fields.feature !== FARTHEST_FEATURE);
  const times = scores.map(({ atMs }) => atMs);
  const startMs = times.reduce((least, atMs) => Math.min(least, atMs), Infinity);
  const endMs = times.reduce((most, atMs) => Math.max(most, atMs), -Infinity);
  const spanMs = Math.max(SPAN_MS_MIN, Math.ceil((endMs - startMs + 1) / SPANS_MAX));
  const spans = Map.groupBy(scores, ({ atMs }) => Math.floor((atMs - startMs) / spanMs));
  return [...spans]
    .sort(([a], [b]) => a - b)
    .map(([at, of]) => {
      const detectors = [...Map.groupBy(of, ({ fields }) => fields.feature).values()];
      const most = (count: (row: DistributionRow) => number) =>
        Math.max(0, ...detectors.map((found) => found.reduce((sum, row) => sum + count(row), 0)));
      return {
        fromMs: startMs + at * spanMs,
        toMs: startMs + (at + 1) * spanMs,
        examples: most(({ fields }) => fields.count),
        anomalous: most(({ fields }) => fields.anomalous ?? 0),
      };
    });
}
