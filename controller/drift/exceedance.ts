/** How surprising it is that so many examples are beyond a threshold that was set by samples. Pure. */

/** More examples than these are counted as this many with the same share: it only makes a surprise smaller. */
const EXAMPLES_MAX = 50_000;

export interface Calibration {
  /** Samples by which the threshold was set. */
  readonly samples: number;
  /** The share of further ones that it lets pass, at most. */
  readonly falseAlarms: number;
}

/**
 * The probability that at least `beyond` of `examples` pass the ⌈(m + 1)(1 − α)⌉-th smallest of m samples, where all come from
 * one distribution, whichever it is: their number is beta-binomial, since the share beyond an order statistic has a beta
 * distribution (Wilks 1941). A binomial would take a threshold set by 500 samples for exact, and blame devices for its error.
 */
export function exceedanceProbability(
  { samples, falseAlarms }: Calibration,
  { beyond, examples }: { readonly beyond: number; readonly examples: number },
): number {
  const scale = Math.min(1, EXAMPLES_MAX / Math.max(1, examples));
  const [n, x] = [Math.floor(examples * scale), Math.floor(beyond * scale)];
  const rank = Math.min(samples, Math.ceil((samples + 1) * (1 - falseAlarms)));
  const [a, b] = [samples + 1 - rank, rank];
  // From none upwards, each from the one before: no gamma functions, and nothing that cancels.
  let log = 0;
  for (let at = 0; at < n; at += 1) log += Math.log((b + at) / (a + b + at));
  let sum = 0;
  for (let count = 0; count <= n; count += 1) {
    if (count >= x) {
      const term = Math.exp(log);
      sum += term;
      if (term < 1e-18 && count > (n * a) / (a + b)) break;
    }
    log += Math.log(((n - count) / (count + 1)) * ((count + a) / Math.max(1e-9, n - count - 1 + b)));
  }
  return Math.min(1, sum);
}
