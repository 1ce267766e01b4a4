/** Latency and errors over time. */
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

/** Of one model where a slot is named, else of the busiest. */
export async function readLatencyTrend(
  store: Store,
  window: PresenceWindow,
  slot?: string,
): Promise<readonly TrendSeries[]> {
  const { fromMs, toMs } = window;
  const rows = await store
    .selectFrom("inference_totals")
    .select(["slot", "version", "at_ms", "fields_json"])
    .where("version", "!=", "")
    .where("at_ms", ">=", fromMs)
    .where("at_ms", "<", toMs)
    .$if(slot !== undefined, (query) => query.where("slot", "=", slot ?? ""))
    .execute();
  const trends = new Map<string, Trend>();
  for (const { slot: of, version, at_ms, fields_json } of rows) {
    const name = `${of}@${version}`;
    const trend = trends.get(name) ?? new Trend(window);
    trends.set(name, trend);
    const sum = new InferenceSum();
    try {
      sum.add(check(JSON.parse(fields_json)));
      trend.add(at_ms, sum);
    } catch (thrown) {
      if (!(thrown instanceof ProtocolError)) throw thrown;
    }
  }
  return trendSeries(trends);
}

/** The busiest, as many as one chart shows. */
export function trendSeries(trends: ReadonlyMap<string, Trend>): readonly TrendSeries[] {
  return [...trends]
    .sort(([, a], [, b]) => b.requests - a.requests)
    .slice(0, SERIES_MAX)
    .map(([name, trend]) => ({ name, points: trend.points() }));
}

/** What happened in each stretch of a window. */
export class Trend {
  readonly #window: PresenceWindow;
  readonly #stretchMs: number;
  readonly #sums = new Map<number, InferenceSum>();

  constructor(window: PresenceWindow) {
    this.#window = window;
    const { fromMs, toMs } = window;
    this.#stretchMs = Math.max(MINUTE_MS, Math.ceil((toMs - fromMs) / STRETCHES / MINUTE_MS) * MINUTE_MS);
  }

  /** `sum` stays as it is. */
  add(atMs: number, sum: InferenceSum): void {
    const stretch = Math.max(0, Math.floor((atMs - this.#window.fromMs) / this.#stretchMs));
    const own = this.#sums.get(stretch) ?? new InferenceSum();
    own.merge(sum);
    this.#sums.set(stretch, own);
  }

  get requests(): number {
    return [...this.#sums.values()].reduce((total, sum) => total + sum.requests, 0);
  }

  points(): TrendSeries["points"] {
    const { fromMs, toMs } = this.#window;
    return Array.from({ length: Math.ceil((toMs - fromMs) / this.#stretchMs) }, (_, at) => {
      const sum = this.#sums.get(at);
      return {
        atMs: fromMs + (at + 0.5) * this.#stretchMs,
        latencyP95Ms: sum?.sketches.inferSketch.quantile(0.95),
        errorRate: sum === undefined || sum.requests === 0 ? undefined : sum.failed / sum.requests,
      };
    });
  }
}
