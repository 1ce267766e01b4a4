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
  readonly #former: FormerLatency;
  readonly #maxMs: number;
  readonly #maxRatio: number;

  /** `former`: what the version before measured here. */
  constructor({ max = Infinity, maxRatio = Infinity }: Gate, quantile: number, former: readonly MeasuredRecord[]) {
    this.#former = new FormerLatency(former, quantile);
    this.#maxMs = max;
    this.#maxRatio = maxRatio;
  }

  /** Undefined where too little was answered. */
  get former(): { readonly ms: number; readonly beyond: BlockSeries } | undefined {
    const { ms, beyond } = this.#former;
    return ms === undefined ? undefined : { ms, beyond };
  }

  add(record: MeasuredRecord): void {
    const sketch = latencyOf(record);
    if (sketch === undefined) return;
    this.sketch.merge(sketch);
    this.beyondMax.add(sketch.countAbove(this.#maxMs), sketch.count);
    const { ms } = this.#former;
    if (ms !== undefined) this.beyondRatio.add(sketch.countAbove(ms * this.#maxRatio), sketch.count);
  }

  /** What the version before measures while the other one soaks beside it: what comes later is held against it too. */
  addFormer(record: MeasuredRecord): void {
    this.#former.add(record);
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

/** Requests beyond the quantile without which it is a guess: a p95 needs a hundred requests, a p99 five hundred. */
const BEYOND_MIN = 5;

/** One device's time under the version before. */
class FormerLatency {
  readonly beyond = new BlockSeries();
  readonly #quantile: number;
  readonly #whole = new Sketch();
  /** Undefined where too little was answered. */
  #ms: number | undefined;

  constructor(records: readonly MeasuredRecord[], quantile: number) {
    this.#quantile = quantile;
    const sketches = records.flatMap((record) => latencyOf(record) ?? []);
    for (const sketch of sketches) this.#whole.merge(sketch);
    this.#measure();
    for (const sketch of sketches) this.#count(sketch);
  }

  get ms(): number | undefined {
    return this.#ms;
  }

  add(record: MeasuredRecord): void {
    const sketch = latencyOf(record);
    if (sketch === undefined) return;
    // Counted by what was known before it: what is counted does not choose its own measure.
    this.#count(sketch);
    this.#whole.merge(sketch);
    this.#measure();
  }

  #measure(): void {
    const isEnough = this.#whole.count * (1 - this.#quantile) >= BEYOND_MIN - 1e-9;
    this.#ms = isEnough ? this.#whole.quantile(this.#quantile) : undefined;
  }

  #count(sketch: Sketch): void {
    if (this.#ms !== undefined) this.beyond.add(sketch.countAbove(this.#ms), sketch.count);
  }
}
