/** Of the standard normal distribution: 2.5 % lie above it. */
const Z95 = 1.959963984540054;

/** A share as it was counted, with its 95 % interval. */
export interface ShareEstimate {
  readonly share: number;
  readonly low: number;
  readonly high: number;
  /** Trials that it was counted in. */
  readonly of: number;
}

/**
 * Wilson's score interval: Wilson, "Probable inference, the law of succession, and statistical inference", JASA 22 (1927).
 * It holds for who looks once at independent trials; who decides by looking again and again needs the bounds of experiments
 * and gates. Undefined without trials.
 */
export function wilson(hits: number, trials: number): ShareEstimate | undefined {
  if (trials <= 0) return undefined;
  const share = hits / trials;
  const square = Z95 ** 2 / trials;
  const centre = (share + square / 2) / (1 + square);
  const half = (Z95 / (1 + square)) * Math.sqrt((share * (1 - share)) / trials + square / (4 * trials));
  // Rounding must not leave 0 and 1 outside, which the formula never does.
  const low = hits === 0 ? 0 : Math.max(0, centre - half);
  const high = hits === trials ? 1 : Math.min(1, centre + half);
  return { share, low, high, of: trials };
}
