/**
 * Bounds of a mean that hold at every moment at once, for values of no known range (temperatures, bytes). They need enough
 * values for the central limit theorem. Waudby-Smith, Arbour, Sinha, Kennedy, Ramdas, "Time-uniform central limit theory and
 * asymptotic confidence sequences", Annals of Statistics 52 (2024), theorem 2.2 and its one-sided form.
 */

export interface MeanSample {
  readonly count: number;
  /** Of one value, correlation included; see `unitVariance`. */
  readonly variance: number;
}

/** The bounds are the tightest for about this many values: health records of some devices in some minutes. */
const TUNED_TO_COUNT = 100;

/** The true mean is within this of the average on one side, always and with confidence 1 − α. */
export function meanMargin({ count, variance }: MeanSample, alpha: number, tunedTo = TUNED_TO_COUNT): number {
  if (count === 0) return Infinity;
  const twice = 2 * Math.log(1 / (2 * alpha));
  const rho = tunedTo / (twice + Math.log1p(twice));
  const spread = (count + rho) / rho;
  return Math.sqrt((2 * variance * (count + rho) * Math.log1p(Math.sqrt(spread) / (2 * alpha))) / count ** 2);
}
