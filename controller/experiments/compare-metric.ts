/** One metric of both versions: what was found, and what it means. Pure. */
import { anytimeWidth, samplesFor, type Anytime } from "./anytime-bounds.ts";
import type { DeviceTally } from "./device-tally.ts";
import type { Effect, ExperimentMetric } from "./experiment-metrics.ts";
import type { MetricResult, MetricVerdict } from "./experiment-shape.ts";
import { meanDifference } from "./mean-difference.ts";
import { metricText } from "./metric-text.ts";
import { quantileDifference } from "./quantile-difference.ts";
import { shareDifference, type Found } from "./share-difference.ts";

export interface ComparedMetric {
  readonly metric: ExperimentMetric;
  /** The smallest difference that matters; undefined: the metric's own. */
  readonly effect: Effect | undefined;
}

interface Measured {
  readonly a: MetricResult["a"];
  readonly b: MetricResult["b"];
  readonly found: Found | undefined;
  /** False where one side of the interval is not known. */
  readonly isBounded: boolean;
}

const NOTHING: Measured = {
  a: { value: null, samples: 0 },
  b: { value: null, samples: 0 },
  found: undefined,
  isBounded: true,
};

/** `alpha`: how often this metric may mislead. */
export function compareMetric(
  { metric, effect: asked }: ComparedMetric,
  tallies: readonly DeviceTally[],
  alpha: number,
): MetricResult {
  const { name, unit, better, samples: samplesAre, tunedTo } = metric;
  const anytime = { alpha, tunedTo };
  const { a, b, found, isBounded } = measure(metric, tallies, anytime);
  const effect = effectOf(asked ?? metric.effect, a.value);
  const result = {
    metric: name,
    unit,
    better,
    samplesAre,
    a,
    b,
    difference: found?.difference ?? null,
    low: found === undefined || !isBounded ? null : found.low,
    high: found === undefined || !isBounded ? null : found.high,
    p: found?.p ?? null,
    effect,
  };
  const verdict = verdictOf(result);
  const moreSamples =
    verdict !== "open" || found === undefined || effect === null
      ? null
      : more(found, { effect, samples: a.samples + b.samples, anytime, isShown: isBounded });
  return { ...result, verdict, moreSamples, text: metricText({ ...result, verdict, moreSamples }) };
}

function measure(metric: ExperimentMetric, tallies: readonly DeviceTally[], anytime: Anytime): Measured {
  const arms = tallies.map((tally) => tally.seriesOf(metric).blocks());
  const { measure: how } = metric;
  if (how.kind === "latency") {
    const sketches = tallies.map((tally) => tally.sketches);
    const said = quantileDifference({ arms, sketches }, how.quantile, anytime);
    if (said === undefined) return NOTHING;
    const { a, b, samples, found } = said;
    const isBounded = found?.isBounded ?? true;
    return { a: { value: a, samples: samples.a }, b: { value: b, samples: samples.b }, found, isBounded };
  }
  const isShare = how.kind === "errors" || how.kind === "accuracy";
  const said = isShare ? shareDifference(arms, anytime, how.kind === "accuracy") : meanDifference(arms, anytime);
  if (said === undefined) return NOTHING;
  const { a, b, sums } = said.of;
  return {
    a: { value: a, samples: sums.aWeight },
    b: { value: b, samples: sums.bWeight },
    found: said.found,
    isBounded: true,
  };
}

function effectOf({ kind, value }: Effect, ofA: number | null): number | null {
  if (kind === "absolute") return value;
  return ofA === null || ofA === 0 ? null : Math.abs(ofA) * value;
}

function verdictOf({
  low,
  high,
  effect,
  better,
}: Pick<MetricResult, "low" | "high" | "effect" | "better">): MetricVerdict {
  if (low === null || high === null) return "open";
  if (effect !== null && low > -effect && high < effect) return "same";
  if (low <= 0 && high >= 0) return "open";
  if (better === "none") return low > 0 ? "higher" : "lower";
  return low > 0 === (better === "higher") ? "better" : "worse";
}

/** A hundred times what is there, at most: beyond that nobody waits. */
const MORE_FACTOR_MAX = 100;

interface Wanted {
  readonly effect: number;
  readonly samples: number;
  readonly anytime: Anytime;
  readonly isShown: boolean;
}

/**
 * Until the interval is as narrow as the difference that matters, or as the difference that there seems to be, whichever is
 * larger: then either it leaves 0 out, or nothing that matters is left in it. Null where that is not in sight.
 */
function more({ difference, low, high }: Found, { effect, samples, anytime, isShown }: Wanted): number | null {
  if (!isShown) return null;
  const half = (high - low) / 2;
  const wanted = Math.max(effect, Math.abs(difference));
  const unitVariance = (half / anytimeWidth(samples, anytime)) ** 2 * samples;
  const most = Math.round(samples * MORE_FACTOR_MAX);
  const all = samplesFor(wanted, unitVariance, anytime, most);
  if (all >= most) return null;
  // Where the interval is narrow enough already and lies across the limit, half as much again moves it.
  return Math.max(1, Math.round(all > samples ? all - samples : samples / 2));
}
