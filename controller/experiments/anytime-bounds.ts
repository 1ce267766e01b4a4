/**
 * Bounds that hold at every moment at once, for estimates that a central limit theorem makes normal: who looks after each
 * answer and stops at will is wrong no more often than who looks once. Waudby-Smith, Arbour, Sinha, Kennedy, Ramdas,
 * "Time-uniform central limit theory and asymptotic confidence sequences", Annals of Statistics 52 (2024), theorem 2.2: the
 * normal mixture of Robbins (1970). Pure.
 */

export interface Anytime {
  /** How often the true value may ever lie outside. */
  readonly alpha: number;
  /** The bounds are the tightest for about this many samples; chosen before any is seen. */
  readonly tunedTo: number;
}

/** On either side of the estimate, in its standard errors; infinite of nothing. */
export function anytimeWidth(count: number, { alpha, tunedTo }: Anytime): number {
  if (count <= 0) return Infinity;
  const prior = priorCount({ alpha, tunedTo });
  const spread = (count + prior) / prior;
  return Math.sqrt(2 * ((count + prior) / count) * Math.log(Math.sqrt(spread) / alpha));
}

/**
 * The smallest α at which the bounds would leave out what is `errors` standard errors away: valid whenever one looks.
 * Johari, Koomen, Pekelis, Walsh, "Always valid inference", Operations Research 70 (2022), call it the always-valid p-value.
 */
export function anytimeP(errors: number, count: number, anytime: Anytime): number {
  if (count <= 0) return 1;
  const prior = priorCount(anytime);
  const log = Math.log((count + prior) / prior) / 2 - (errors ** 2 * count) / (2 * (count + prior));
  return Math.min(1, Math.exp(log));
}

/** Samples after which the bounds are `width` of the unit in which one sample has variance `unitVariance`; at most `countMax`. */
export function samplesFor(width: number, unitVariance: number, anytime: Anytime, countMax: number): number {
  const isEnough = (count: number) => anytimeWidth(count, anytime) * Math.sqrt(unitVariance / count) <= width;
  if (!isEnough(countMax)) return countMax;
  let [below, above] = [1, countMax];
  while (above - below > 1) {
    const middle = Math.floor((below + above) / 2);
    if (isEnough(middle)) above = middle;
    else below = middle;
  }
  return above;
}

/** The weight of the mixture, in samples: the 1/ρ² there; their approximation of the best one for `tunedTo`. */
function priorCount({ alpha, tunedTo }: Anytime): number {
  const twice = -2 * Math.log(alpha);
  return tunedTo / (twice + Math.log1p(twice));
}
