/** The difference of two shares (errors, right answers), with bounds that hold at every moment. Pure. */
import { shareAbove, shareBelow, type Count } from "../rollout/sequential-share.ts";
import { anytimeP, anytimeWidth, type Anytime } from "./anytime-bounds.ts";
import { deviceShares, pairedDifference, type DeviceArms, type Difference } from "./paired-difference.ts";

export interface Found {
  readonly difference: number;
  readonly low: number;
  readonly high: number;
  readonly p: number;
  /** Of the difference, over the samples so far. */
  readonly variance: number;
}

/**
 * Of the rarer kind, in each version, before a central limit theorem may speak. Until then bounds that are exact for any
 * number of trials do, with a fifth of the error that is allowed: whichever speaks, both together are wrong no more often.
 */
const RARE_MIN = 20;
const EXACT_PART = 0.2;

/**
 * Undefined where no device has both. `mayStandAlone`: trials count as independent until there are blocks enough to show that
 * they are not. That is so for labels, which come when a person labels and not when the scene changes; for requests it is not.
 */
export function shareDifference(
  arms: DeviceArms,
  anytime: Anytime,
  mayStandAlone: boolean,
): { readonly of: Difference; readonly found: Found | undefined } | undefined {
  const of = pairedDifference(arms);
  if (of === undefined) return undefined;
  const independent = independentVariance(arms, of);
  if (of.variance === undefined && !mayStandAlone) return { of, found: undefined };
  const variance = Math.max(independent, of.variance ?? 0);
  const { aTotal, aWeight, bTotal, bWeight } = of.sums;
  const rarest = Math.min(aTotal, aWeight - aTotal, bTotal, bWeight - bTotal);
  if (rarest < RARE_MIN) return { of, found: exactly(of, variance, variance / independent, anytime) };
  const alpha = anytime.alpha * (1 - EXACT_PART);
  const { difference } = of;
  const trials = aWeight + bWeight;
  const margin = Math.sqrt(variance) * anytimeWidth(trials, { ...anytime, alpha });
  const p = anytimeP(difference / Math.sqrt(variance), trials, { ...anytime, alpha }) / (1 - EXACT_PART);
  return {
    of,
    found: {
      difference,
      low: Math.max(-1, difference - margin),
      high: Math.min(1, difference + margin),
      p: Math.min(1, p),
      variance,
    },
  };
}

/** As if all trials were independent, with half a hit and half a miss more than there were: never nothing. */
function independentVariance(arms: DeviceArms, { sums }: Difference): number {
  const spread = (total: number, weight: number) => {
    const share = (total + 0.5) / (weight + 1);
    return share * (1 - share);
  };
  const [ofA, ofB] = [spread(sums.aTotal, sums.aWeight), spread(sums.bTotal, sums.bWeight)];
  const shares = deviceShares(arms);
  return arms.reduce((variance, blocks, at) => {
    const share = shares[at] ?? 0;
    if (share === 0) return variance;
    const a = blocks.reduce((sum, { aWeight }) => sum + aWeight, 0);
    const b = blocks.reduce((sum, { bWeight }) => sum + bWeight, 0);
    return variance + share ** 2 * (ofA / a + ofB / b);
  }, 0);
}

/** Each of the four bounds may be wrong as often as the others. */
function exactly(of: Difference, variance: number, effect: number, { alpha, tunedTo }: Anytime): Found {
  const shrink = Math.max(1, effect);
  const { aTotal, aWeight, bTotal, bWeight } = of.sums;
  const a: Count = { hits: aTotal / shrink, trials: aWeight / shrink };
  const b: Count = { hits: bTotal / shrink, trials: bWeight / shrink };
  const boundsAt = (level: number) => {
    const each = (level * EXACT_PART) / 4;
    return {
      low: shareAbove(b, each, tunedTo) - shareBelow(a, each, tunedTo),
      high: shareBelow(b, each, tunedTo) - shareAbove(a, each, tunedTo),
    };
  };
  const { low, high } = boundsAt(alpha);
  return { difference: of.difference, low, high, p: smallestLevel(boundsAt), variance };
}

/** Halvings of the exponent, from 1 down to 10^−8: beyond that a p-value says nothing more. */
const LEVEL_STEPS = 12;
const LEVEL_EXPONENT_MIN = -8;

/** The smallest level at which the bounds leave 0 out. */
function smallestLevel(boundsAt: (level: number) => { readonly low: number; readonly high: number }): number {
  const isOut = (exponent: number) => {
    const { low, high } = boundsAt(10 ** exponent);
    return low > 0 || high < 0;
  };
  let [inside, outside] = [LEVEL_EXPONENT_MIN, 0];
  if (!isOut(outside)) return 1;
  if (isOut(inside)) return 10 ** inside;
  for (let step = 0; step < LEVEL_STEPS; step += 1) {
    const middle = (inside + outside) / 2;
    if (isOut(middle)) outside = middle;
    else inside = middle;
  }
  return 10 ** outside;
}
