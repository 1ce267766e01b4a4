/** What was measured, held against one limit of a gate: the estimate, and whether the limit is passed beyond doubt. */
import { sumOf, unitVariance, withoutWorstStretch, type DeviceBlocks } from "./block-series.ts";
import type { GateMetric } from "./gate-metrics.ts";
import { valueText } from "./gate-words.ts";
import type { Gate } from "./rollout-spec.ts";
import { meanMargin } from "./sequential-mean.ts";
import { shareAbove, shareBelow, type Count } from "./sequential-share.ts";
import { unreachable } from "../../protocol/unreachable.ts";

/**
 * How often one gate of one stage may fail although nothing has changed: a rollout of four gates and four stages stays below
 * one in a hundred. Where two samples are compared, each has half of it.
 */
export const FALSE_FAILURES_MAX = 5e-4;

interface Counted {
  /** What the version did, of each device. */
  readonly candidate: DeviceBlocks;
  /** Of those devices where it replaced another; null where it replaced none. */
  readonly replacing: Beside | null;
}

/** What the version did, and what the one before it did on the same devices. */
interface Beside {
  readonly candidate: DeviceBlocks;
  readonly former: DeviceBlocks;
}

export type GateReading =
  /** Requests and failures; comparisons and answers that differ; seconds and crashes. */
  | ({ readonly kind: "share" } & Counted)
  /** Records and the sum of their values. */
  | ({ readonly kind: "mean" } & Counted)
  | {
      readonly kind: "latency";
      readonly quantile: number;
      /** The time at the quantile; null of nothing. */
      readonly ms: number | null;
      /** Each device's time by its own former one, averaged by requests; null while nothing can be compared. */
      readonly ratio: number | null;
      /** Requests, and those slower than `max`. */
      readonly beyondMax: DeviceBlocks;
      /**
       * Requests, and of the candidate those slower than `maxRatio` times the device's own former time, of the former those
       * slower than that time itself. Null where nothing was replaced.
       */
      readonly beyondRatio: Beside | null;
    };

export interface Finding {
  /** The estimate in the metric's unit; null of nothing. */
  readonly value: number | null;
  readonly limit: number | null;
  /** On which side of the limit it is wrong. */
  readonly wrong: "above" | "below";
  readonly samples: number;
  /** The limit is passed beyond doubt. */
  readonly isBeyond: boolean;
  /** The estimate is on the right side. */
  readonly isWithin: boolean;
  /** What it was before, for a person. */
  readonly was?: string;
  /** A comparison, and nothing to compare with: `none`, nothing was replaced; `unknown`, too little was measured of it. */
  readonly former?: "none" | "unknown";
}

/** One for each limit that the gate has. */
export function findingsOf(gate: Gate, metric: GateMetric, reading: GateReading): readonly Finding[] {
  const { max, min, maxRatio } = gate;
  const { kind } = metric.measure;
  switch (reading.kind) {
    case "share":
      if (kind === "agreement" || kind === "accuracy") return min === undefined ? [] : [agreement(reading, min)];
      if (kind === "errors" && metric.measure.against === "replaced") {
        return max === undefined ? [] : [shareIncrease(metric, reading, max)];
      }
      return [
        ...(max === undefined ? [] : [shareLimit(metric, reading, max)]),
        ...(maxRatio === undefined ? [] : [shareRatio(metric, reading, maxRatio)]),
      ];
    case "latency":
      return [
        ...(max === undefined ? [] : [latencyLimit(reading, max)]),
        ...(maxRatio === undefined ? [] : [latencyRatio(metric, reading, maxRatio)]),
      ];
    case "mean":
      return [
        ...(max === undefined ? [] : [meanLimit(reading, max, "above")]),
        ...(min === undefined ? [] : [meanLimit(reading, min, "below")]),
        ...(maxRatio === undefined ? [] : [meanRatio(metric, reading, maxRatio)]),
      ];
    default:
      return unreachable(reading);
  }
}

/** A share as it was counted, and the independent trials that it is worth. */
interface Told {
  readonly share: number;
  readonly trials: number;
  readonly worth: Count;
  /** False while there are too few blocks to tell how much neighbours correlate. */
  readonly isSpreadKnown: boolean;
}

/**
 * Requests of one device in one stretch of time are correlated: both counts shrink until independent trials would vary as
 * much as these blocks do, or as the version before did.
 */
function told(devices: DeviceBlocks, former: DeviceBlocks = []): Told {
  const { total, weight } = sumOf(devices);
  const share = weight === 0 ? 0 : Math.min(1, total / weight);
  const variance = unitVariance(devices);
  if (variance === undefined) return { share, trials: weight, worth: blocksAsTrials(devices), isSpreadKnown: false };
  const effect = Math.max(variance, unitVariance(former) ?? 0) / (share * (1 - share) || Infinity);
  const shrink = Math.max(1, effect);
  const worth = { hits: (share * weight) / shrink, trials: weight / shrink };
  return { share, trials: weight, worth, isSpreadKnown: true };
}

/** The least that blocks can tell: as if all that happens in one were one and the same thing. */
function blocksAsTrials(devices: DeviceBlocks): Count {
  const blocks = devices.flat();
  return {
    hits: blocks.reduce((sum, { total, weight }) => sum + Math.min(1, total / weight), 0),
    trials: blocks.length,
  };
}

/**
 * What the candidate did, for asking whether it is at fault beyond doubt. One device's worst minutes do not count then: a
 * fault that came and went looks like a steady one to who has seen no more than these minutes.
 */
function toldAgainst(candidate: DeviceBlocks, replacing: Beside | null): Told {
  const all = told(candidate, replacing?.former);
  return { ...told(withoutWorstStretch(candidate), replacing?.former), share: all.share, trials: all.trials };
}

function above({ worth }: Told, alpha: number): number {
  return shareAbove(worth, alpha);
}

/** Nothing was measured: anything is possible. */
function below({ worth }: Told, alpha: number): number {
  return worth.trials === 0 ? 1 : shareBelow(worth, alpha);
}

/** Crashes are counted by seconds and spoken of by hours. */
const SECONDS_PER_HOUR = 3_600;

function unitsPerTrial({ unit }: GateMetric): number {
  return unit === "per hour" ? SECONDS_PER_HOUR : 1;
}

function shareLimit(metric: GateMetric, { candidate, replacing }: Counted, max: number): Finding {
  const [is, units] = [toldAgainst(candidate, replacing), unitsPerTrial(metric)];
  return {
    value: is.trials === 0 ? null : is.share * units,
    limit: max,
    wrong: "above",
    samples: is.trials,
    isBeyond: above(is, FALSE_FAILURES_MAX) * units > max,
    isWithin: is.share * units <= max,
  };
}

function shareRatio(metric: GateMetric, { replacing }: Counted, maxRatio: number): Finding {
  const [is, was] = [toldAgainst(replacing?.candidate ?? [], replacing), told(replacing?.former ?? [])];
  const units = unitsPerTrial(metric);
  // Where nothing failed before, a ratio has no estimate; the most that may have failed stands for it.
  const wasAtMost = below(was, FALSE_FAILURES_MAX / 2);
  const limit = maxRatio * (was.share > 0 ? was.share : wasAtMost);
  return {
    value: is.trials === 0 ? null : is.share * units,
    limit: limit * units,
    wrong: "above",
    samples: is.trials,
    isBeyond: above(is, FALSE_FAILURES_MAX / 2) > maxRatio * wasAtMost,
    isWithin: is.share <= limit,
    was: valueText(metric, was.share * units),
    ...formerOf(replacing, was.trials),
  };
}

/** A device that served nothing before failed nothing before. */
function shareIncrease(metric: GateMetric, { candidate, replacing }: Counted, max: number): Finding {
  const [is, was] = [toldAgainst(replacing?.candidate ?? candidate, replacing), told(replacing?.former ?? [])];
  const wasAtMost = replacing === null ? 0 : below(was, FALSE_FAILURES_MAX / 2);
  return {
    value: is.trials === 0 ? null : is.share - was.share,
    limit: max,
    wrong: "above",
    samples: is.trials,
    isBeyond: above(is, FALSE_FAILURES_MAX / 2) - wasAtMost > max,
    isWithin: is.share - was.share <= max,
    was: valueText(metric, was.share),
    ...(replacing === null ? {} : formerOf(replacing, was.trials)),
  };
}

/** Counted are the answers that differ, or are wrong. */
function agreement({ candidate, replacing }: Counted, min: number): Finding {
  const is = toldAgainst(candidate, null);
  return {
    value: is.trials === 0 ? null : 1 - is.share,
    limit: min,
    wrong: "below",
    samples: is.trials,
    isBeyond: 1 - above(is, FALSE_FAILURES_MAX) < min,
    isWithin: 1 - is.share >= min,
    ...(replacing === null ? { former: "none" } : {}),
  };
}

type LatencyReading = Extract<GateReading, { kind: "latency" }>;

/**
 * That a quantile is above a time is the same as that more than its share of the requests is slower: a share again, whose
 * bounds hold at every moment. Howard and Ramdas, "Sequential estimation of quantiles", Bernoulli 28 (2022), section 3.
 */
function latencyLimit({ quantile, ms, beyondMax }: LatencyReading, max: number): Finding {
  const is = toldAgainst(beyondMax, null);
  return {
    value: ms,
    limit: max,
    wrong: "above",
    samples: is.trials,
    isBeyond: above(is, FALSE_FAILURES_MAX) > 1 - quantile,
    isWithin: ms !== null && ms <= max,
  };
}

/**
 * If no device took more than `maxRatio` times its former time, then no larger share of the requests could be beyond that
 * many times the former quantile than was beyond the quantile itself.
 */
function latencyRatio(metric: GateMetric, { ms, ratio, beyondRatio }: LatencyReading, maxRatio: number): Finding {
  const is = toldAgainst(beyondRatio?.candidate ?? [], beyondRatio);
  const was = told(beyondRatio?.former ?? []);
  // A minute of the version before may have been a fast one.
  const wasAtMost = was.isSpreadKnown ? below(was, FALSE_FAILURES_MAX / 2) : 1;
  const wasMs = ms === null || ratio === null ? null : ms / ratio;
  return {
    value: ms,
    limit: wasMs === null ? null : wasMs * maxRatio,
    wrong: "above",
    samples: is.trials,
    isBeyond: above(is, FALSE_FAILURES_MAX / 2) > wasAtMost,
    isWithin: ratio !== null && ratio <= maxRatio,
    was: valueText(metric, wasMs),
    ...formerOf(beyondRatio, ratio === null ? 0 : 1),
  };
}

interface Averaged {
  readonly mean: number;
  readonly count: number;
  /** On either side of the mean; infinite while there are too few records to tell. */
  readonly margin: number;
}

function averaged(devices: DeviceBlocks, alpha: number): Averaged {
  const { total, weight: count } = sumOf(devices);
  const mean = count === 0 ? 0 : total / count;
  const variance = unitVariance(devices);
  return { mean, count, margin: variance === undefined ? Infinity : meanMargin({ count, variance }, alpha) };
}

function meanLimit({ candidate }: Counted, limit: number, wrong: Finding["wrong"]): Finding {
  const { mean, count, margin } = averaged(candidate, FALSE_FAILURES_MAX);
  const excess = wrong === "above" ? mean - limit : limit - mean;
  return {
    value: count === 0 ? null : mean,
    limit,
    wrong,
    samples: count,
    isBeyond: excess > margin,
    isWithin: excess <= 0,
  };
}

function meanRatio(metric: GateMetric, { replacing }: Counted, maxRatio: number): Finding {
  const is = averaged(replacing?.candidate ?? [], FALSE_FAILURES_MAX / 2);
  const was = averaged(replacing?.former ?? [], FALSE_FAILURES_MAX / 2);
  return {
    value: is.count === 0 ? null : is.mean,
    limit: was.count === 0 ? null : was.mean * maxRatio,
    wrong: "above",
    samples: is.count,
    isBeyond: is.mean - is.margin > maxRatio * (was.mean + was.margin),
    isWithin: is.mean <= maxRatio * was.mean,
    was: was.count === 0 ? "unknown" : valueText(metric, was.mean),
    ...formerOf(replacing, was.count),
  };
}

function formerOf(replacing: object | null, count: number): Pick<Finding, "former"> {
  if (replacing === null) return { former: "none" };
  return count === 0 ? { former: "unknown" } : {};
}
