import { Sketch } from "../../protocol/sketch.ts";
import { BlockSeries, sumOf, unitVariance, type DeviceBlocks } from "./block-series.ts";
import { FALSE_FAILURES_MAX, type GateReading } from "./gate-findings.ts";
import { latencyOf, type MeasuredRecord } from "./measured-record.ts";
import type { Gate } from "./rollout-spec.ts";
import { shareAbove } from "./sequential-share.ts";

/** Counts one device's requests that are slower than a limit; with `maxRatio` it follows from what the device took before. */
export class LatencyCounter {
  readonly sketch = new Sketch();
  readonly #maxMs: number;
  readonly #beyondMax = new BlockSeries();
  readonly #former: FormerLatency | undefined;
  readonly #slowMs: number;
  readonly #beyondRatio = new BlockSeries();

  /** `former`: what the version before measured here. */
  constructor({ max = Infinity, maxRatio = Infinity }: Gate, quantile: number, former: readonly MeasuredRecord[]) {
    this.#maxMs = max;
    this.#former = formerLatency(former, quantile);
    this.#slowMs = (this.#former?.atMostMs ?? Infinity) * maxRatio;
  }

  add(record: MeasuredRecord): void {
    const sketch = latencyOf(record);
    if (sketch === undefined) return;
    this.sketch.merge(sketch);
    this.#beyondMax.add(sketch.countAbove(this.#maxMs), sketch.count);
    if (this.#former !== undefined) this.#beyondRatio.add(sketch.countAbove(this.#slowMs), sketch.count);
  }

  beyondMax(): DeviceBlocks[number] {
    return this.#beyondMax.blocks();
  }

  beyondRatio(): DeviceBlocks[number] {
    return this.#beyondRatio.blocks();
  }

  /** Against the time before; undefined where too little is known of it, or nothing was answered since. */
  ratio(quantile: number): number | undefined {
    const ms = this.sketch.quantile(quantile);
    return ms === undefined || this.#former === undefined ? undefined : ms / this.#former.ms;
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
  for (const counter of counters) {
    const ratio = counter.ratio(quantile);
    whole.merge(counter.sketch);
    if (ratio === undefined) continue;
    logs += counter.sketch.count * Math.log(ratio);
    weights += counter.sketch.count;
  }
  return {
    kind: "latency",
    quantile,
    ms: whole.quantile(quantile) ?? null,
    ratio: weights === 0 ? null : Math.exp(logs / weights),
    beyondMax: counters.map((counter) => counter.beyondMax()),
    beyondRatio: isReplacing ? counters.map((counter) => counter.beyondRatio()) : null,
  };
}

/** A quantile of one device's time. */
interface FormerLatency {
  readonly ms: number;
  /** It is no more than this, beyond doubt. */
  readonly atMostMs: number;
}

/** Halvings of the interval between the quantile and 1. */
const HALVINGS = 20;

/**
 * Undefined while too few requests tell. The bound is the time below which surely the quantile's share of the requests lies,
 * by the time-uniform bound of a share, with requests that go up and down together counted as fewer.
 */
function formerLatency(records: readonly MeasuredRecord[], quantile: number): FormerLatency | undefined {
  const sketches = records.flatMap((record) => latencyOf(record) ?? []);
  const whole = new Sketch();
  for (const sketch of sketches) whole.merge(sketch);
  const ms = whole.quantile(quantile);
  if (ms === undefined) return undefined;
  const blocks = [sketches.map((sketch) => ({ total: sketch.countAbove(ms), weight: sketch.count }))];
  const variance = unitVariance(blocks);
  if (variance === undefined) return undefined;
  const trials = sumOf(blocks).weight / Math.max(1, variance / (quantile * (1 - quantile)));
  const isSure = (share: number) => shareAbove({ hits: share * trials, trials }, FALSE_FAILURES_MAX / 2) >= quantile;
  if (!isSure(1)) return undefined;
  let [unsure, sure] = [quantile, 1];
  for (let step = 0; step < HALVINGS; step += 1) {
    const middle = (unsure + sure) / 2;
    if (isSure(middle)) sure = middle;
    else unsure = middle;
  }
  return { ms, atMostMs: whole.quantile(sure) ?? ms };
}
