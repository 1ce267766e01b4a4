/** The χ² distribution: how surprising a statistic is, and which statistic is as surprising as that. */
import { logGamma } from "../rollout/incomplete-beta.ts";

/** The share of a χ² distribution with so many degrees of freedom that lies above `x`. */
export function chiSquareAbove(x: number, degrees: number): number {
  if (x <= 0 || degrees <= 0) return 1;
  return upperGamma(degrees / 2, x / 2);
}

/** The value below which the share `p` of the distribution lies. */
export function chiSquareQuantile(p: number, degrees: number): number {
  if (degrees <= 0) return 0;
  let [low, high] = [0, degrees + 10];
  while (chiSquareAbove(high, degrees) > 1 - p) high *= 2;
  for (let step = 0; step < BISECTIONS; step += 1) {
    const middle = (low + high) / 2;
    if (chiSquareAbove(middle, degrees) > 1 - p) low = middle;
    else high = middle;
  }
  return (low + high) / 2;
}

/** To the last digits of a double, from a bracket of some hundred. */
const BISECTIONS = 60;
const STEPS_MAX = 10_000;
const PRECISION = 1e-15;
/** Stands for a zero, which the recurrence must not divide by. */
const TINY = 1e-300;

/** Q(a, x), the regularized upper incomplete gamma function: the series (DLMF 8.7.1) or the fraction (DLMF 8.9.2). */
function upperGamma(a: number, x: number): number {
  const scale = Math.exp(a * Math.log(x) - x - logGamma(a));
  return x < a + 1 ? Math.max(0, 1 - scale * lowerSeries(a, x)) : scale * upperFraction(a, x);
}

function lowerSeries(a: number, x: number): number {
  let [term, sum] = [1 / a, 1 / a];
  for (let n = 1; n < STEPS_MAX; n += 1) {
    term *= x / (a + n);
    sum += term;
    if (term < sum * PRECISION) break;
  }
  return sum;
}

/** By the modified method of Lentz (Thompson and Barnett, J. Comput. Phys. 64, 1986). */
function upperFraction(a: number, x: number): number {
  let b = x + 1 - a;
  let [c, d] = [1 / TINY, 1 / notZero(b)];
  let fraction = d;
  for (let n = 1; n < STEPS_MAX; n += 1) {
    const numerator = -n * (n - a);
    b += 2;
    d = 1 / notZero(numerator * d + b);
    c = notZero(b + numerator / c);
    fraction *= c * d;
    if (Math.abs(c * d - 1) < PRECISION) break;
  }
  return fraction;
}

function notZero(value: number): number {
  return Math.abs(value) < TINY ? TINY : value;
}
