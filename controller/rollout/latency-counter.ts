import { Sketch } from "../../protocol/sketch.ts";
import { BlockSeries } from "./block-series.ts";
import type { GateReading } from "./gate-findings.ts";
import { latencyOf, type MeasuredRecord } from "./measured-record.ts";
import type { Gate } from "./rollout-spec.ts";

/** Counts one device's requests that are slower than a limit; with `maxRatio` it follows from what the device took before. */
export class LatencyCounter {
  readonly sketch = new Sketch();
  readonly beyondMax = new BlockSeries();
  readonly beyondRatio = new BlockSeries();
  readonly former: FormerLatency | undefined;
  readonly #maxMs: number;
  readonly #slowMs: number;

  /** `former`: what the version before measured here. */
  constructor({ max = Infinity, maxRatio = Infinity }: Gate, quantile: number, former: readonly MeasuredRecord[]) {
    this.former = formerLatency(former, quantile);
    this.#maxMs = max;
    this.#slowMs = (this.former?.ms ?? Infinity) * maxRatio;
  }

  add(record: MeasuredRecord): void {
    const sketch = latencyOf(record);
    if (sketch === undefined) return;
    this.sketch.merge(sketch);
    this.beyondMax.add(sketch.countAbove(this.#maxMs), sketch.count);
    if (this.former !== undefined) this.beyondRatio.add(sketch.countAbove(this.#slowMs), sketch.count);
  }
}

/** `isReplacing`: whether any of the devices had a version before. */
export function latencyReading(
  quantile: number,
  counters: readonly LatencyCounter[],
  isReplacing: boolean,
): GateReading {
  const whole = new Sketch();
  let [logs, weights] = [0, 0];
  for (const { sketch, former } of counters) {
    const ms = sketch.quantile(quantile);
    if (ms === undefined) continue;
    whole.merge(sketch);
    if (former === undefined) continue;
    logs += sketch.count * Math.log(ms / former.ms);
    weights += sketch.count;
  }
  const blocks = (series: (counter: LatencyCounter) => BlockSeries | undefined) =>
    counters.map((counter) => series(counter)?.blocks() ?? []);
  return {
    kind: "latency",
    quantile,
    ms: whole.quantile(quantile) ?? null,
    ratio: weights === 0 ? null : Math.exp(logs / weights),
    beyondMax: blocks(({ beyondMax }) => beyondMax),
    beyondRatio: isReplacing
      ? { candidate: blocks(({ beyondRatio }) => beyondRatio), former: blocks(({ former }) => former?.beyond) }
      : null,
  };
}

/** One device's time under the version before. */
interface FormerLatency {
  readonly ms: number;
  readonly beyond: BlockSeries;
}

/** Requests beyond the quantile without which it is a guess: a p95 needs a hundred requests, a p99 five hundred. */
const BEYOND_MIN = 5;

/** Undefined where too little was answered. */
function formerLatency(records: readonly MeasuredRecord[], quantile: number): FormerLatency | undefined {
  const sketches = records.flatMap((record) => latencyOf(record) ?? []);
  const whole = new Sketch();
  for (const sketch of sketches) whole.merge(sketch);
  const ms = whole.quantile(quantile);
  if (ms === undefined || whole.count * (1 - quantile) < BEYOND_MIN - 1e-9) return undefined;
  const beyond = new BlockSeries();
  for (const sketch of sketches) beyond.add(sketch.countAbove(ms), sketch.count);
  return { ms, beyond };
}
