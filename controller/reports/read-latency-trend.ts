/** Latency and errors over time, model by model, over the whole fleet. */
import { InferenceSum } from "../../protocol/inference-sum.ts";
import { RecordFieldsSchema } from "../../protocol/messages/telemetry-batch.ts";
import { ProtocolError } from "../../protocol/protocol-error.ts";
import { gate } from "../../protocol/schema.ts";
import type { Store } from "../store/store.ts";
import type { PresenceWindow } from "./presence-spans.ts";

export interface TrendSeries {
  /** `digits@1.0.0`. */
  readonly name: string;
  /** One for each stretch of the window, ascending; undefined where nothing was measured. */
  readonly points: readonly {
    readonly atMs: number;
    readonly latencyP95Ms: number | undefined;
    readonly errorRate: number | undefined;
  }[];
}

/** What a chart of the width of a page shows apart. */
const STRETCHES = 48;
/** Versions in one chart: more cannot be told apart. The busiest. */
const SERIES_MAX = 6;
const MINUTE_MS = 60_000;

const check = gate("stored inference total", RecordFieldsSchema);

export async function readLatencyTrend(
  store: Store,
  { fromMs, toMs }: PresenceWindow,
): Promise<readonly TrendSeries[]> {
  const stretchMs = Math.max(MINUTE_MS, Math.ceil((toMs - fromMs) / STRETCHES / MINUTE_MS) * MINUTE_MS);
  const rows = await store
    .selectFrom("inference_totals")
    .select(["slot", "version", "at_ms", "fields_json"])
    .where("version", "!=", "")
    .where("at_ms", ">=", fromMs)
    .where("at_ms", "<", toMs)
    .execute();
  const series = new Map<string, Map<number, InferenceSum>>();
  for (const { slot, version, at_ms, fields_json } of rows) {
    const name = `${slot}@${version}`;
    const sums = series.get(name) ?? new Map<number, InferenceSum>();
    series.set(name, sums);
    const stretch = Math.floor((at_ms - fromMs) / stretchMs);
    const sum = sums.get(stretch) ?? new InferenceSum();
    try {
      sum.add(check(JSON.parse(fields_json)));
      sums.set(stretch, sum);
    } catch (thrown) {
      if (!(thrown instanceof ProtocolError)) throw thrown;
    }
  }
  const requests = (sums: ReadonlyMap<number, InferenceSum>) =>
    [...sums.values()].reduce((total, sum) => total + sum.requests, 0);
  return [...series]
    .sort(([, a], [, b]) => requests(b) - requests(a))
    .slice(0, SERIES_MAX)
    .map(([name, sums]) => ({
      name,
      points: Array.from({ length: Math.ceil((toMs - fromMs) / stretchMs) }, (_, at) => {
        const sum = sums.get(at);
        return {
          atMs: fromMs + (at + 0.5) * stretchMs,
          latencyP95Ms: sum?.sketches.inferSketch.quantile(0.95),
          errorRate: sum === undefined || sum.requests === 0 ? undefined : sum.failed / sum.requests,
        };
      }),
    }));
}
