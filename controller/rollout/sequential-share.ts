/**
 * What is known of a share (failed requests of all, answers that agree) while it is still being counted. The bounds hold at
 * every moment at once: whoever looks after each request and stops at will is wrong no more often than somebody who looks
 * once. Howard, Ramdas, McAuliffe, Sekhon, "Time-uniform, nonparametric, nonasymptotic confidence sequences", Annals of
 * Statistics 49 (2021), section 3.1: the one-sided beta-binomial mixture.
 */
import { logBeta, logBetaAbove } from "./incomplete-beta.ts";

/** Of `trials`, `hits` had the property; fractions occur where correlated trials were made fewer (`design-effect.ts`). */
export interface Count {
  readonly hits: number;
  readonly trials: number;
}

/** The bounds are the tightest for about this many trials: what a canary of a few devices sees in minutes. */
const TUNED_TO_TRIALS = 1_000;

/**
 * ln of the evidence against "the share is at most `share`": a process whose mean never exceeds 1 while that is true, so
 * that it ever reaches 1/α with probability α at most (Ville).
 */
export function logEvidenceAbove(
  share: number,
  { hits, trials }: Count,
  alpha: number,
  tunedTo = TUNED_TO_TRIALS,
): number {
  // The mixture weighs shares above the one in question by a beta distribution around it, as heavy as so many trials.
  const weight = mixtureWeight(alpha, tunedTo);
  const [a, b] = [share * weight, (1 - share) * weight];
  const [misses, log] = [trials - hits, Math.log(share)];
  const likely = logBeta(a + hits, b + misses) + logBetaAbove(share, a + hits, b + misses);
  return likely - logBeta(a, b) - logBetaAbove(share, a, b) - hits * log - misses * Math.log1p(-share);
}

/** Equation (3.6) there, for one side; in trials rather than in variance. */
function mixtureWeight(alpha: number, tunedTo: number): number {
  const twice = 2 * Math.log(1 / (2 * alpha));
  return Math.max(1e-3, tunedTo / (twice + Math.log1p(twice)) - 1);
}

/** Halvings of an interval within [0, 1]: to ten digits. */
const HALVINGS = 40;

/** The share is above this, always and with confidence 1 − α; 0 while nothing is known. */
export function shareAbove(count: Count, alpha: number, tunedTo = TUNED_TO_TRIALS): number {
  if (count.hits <= 0) return 0;
  let [below, above] = [0, count.hits / count.trials];
  for (let step = 0; step < HALVINGS; step += 1) {
    const middle = (below + above) / 2;
    const isRefuted = middle > 0 && logEvidenceAbove(middle, count, alpha, tunedTo) >= -Math.log(alpha);
    if (isRefuted) below = middle;
    else above = middle;
  }
  return below;
}

/** The share is below this, always and with confidence 1 − α; 1 while nothing is known. */
export function shareBelow({ hits, trials }: Count, alpha: number, tunedTo = TUNED_TO_TRIALS): number {
  return 1 - shareAbove({ hits: trials - hits, trials }, alpha, tunedTo);
}
