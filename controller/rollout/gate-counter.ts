/** What one device's telemetry adds to one gate, and what the counters of all devices amount to. */
import { BlockSeries } from "./block-series.ts";
import type { GateReading } from "./gate-findings.ts";
import type { GateMetric } from "./gate-metrics.ts";
import { LatencyCounter, latencyReading } from "./latency-counter.ts";
import { blockOf, type MeasuredRecord, type SummedMeasure } from "./measured-record.ts";
import type { Gate } from "./rollout-spec.ts";

/** One device's count for one gate: of the version from here on, beside what was measured of the one before it. */
export type GateCounter = BlockCounter | LatencyCounter;

/** `former`: what the version before measured on the device, in the order of time. */
export function counterFor(gate: Gate, { measure }: GateMetric, former: readonly MeasuredRecord[]): GateCounter {
  if (measure.kind === "drift") throw new Error("drift is read by read-drift-gates.ts, not counted record by record");
  return measure.kind === "latency"
    ? new LatencyCounter(gate, measure.quantile, former)
    : new BlockCounter(measure, former);
}

/** Counts what adds up. */
class BlockCounter {
  readonly #measure: SummedMeasure;
  readonly candidate = new BlockSeries();
  readonly former = new BlockSeries();

  constructor(measure: SummedMeasure, former: readonly MeasuredRecord[]) {
    this.#measure = measure;
    for (const record of former) this.#addTo(this.former, record);
  }

  add(record: MeasuredRecord): void {
    this.#addTo(this.candidate, record);
  }

  /** What the version before measures while the other one soaks beside it. */
  addFormer(record: MeasuredRecord): void {
    this.#addTo(this.former, record);
  }

  #addTo(series: BlockSeries, record: MeasuredRecord): void {
    const block = blockOf(this.#measure, record);
    if (block !== undefined) series.add(block.total, block.weight);
  }
}

export interface CountedDevice {
  readonly counter: GateCounter;
  /** False where the device served nothing in the slot before. */
  readonly isReplacing: boolean;
}

export function readingOf({ measure }: GateMetric, devices: readonly CountedDevice[]): GateReading {
  const isReplacing = devices.some((device) => device.isReplacing);
  if (measure.kind === "latency") {
    const counters = devices.flatMap(({ counter }) => (counter instanceof LatencyCounter ? [counter] : []));
    return latencyReading(measure.quantile, counters, isReplacing);
  }
  const replacing = devices.filter((device) => device.isReplacing).flatMap(blockCounter);
  return {
    kind: measure.kind === "field" ? "mean" : "share",
    candidate: devices.flatMap(blockCounter).map(({ candidate }) => candidate.blocks()),
    replacing: isReplacing
      ? {
          candidate: replacing.map(({ candidate }) => candidate.blocks()),
          former: replacing.map(({ former }) => former.blocks()),
        }
      : null,
  };
}

function blockCounter({ counter }: CountedDevice): BlockCounter[] {
  return counter instanceof BlockCounter ? [counter] : [];
}
