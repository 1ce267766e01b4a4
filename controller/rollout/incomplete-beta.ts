/** The beta function and its upper part, as logarithms: the evidence of a gate may be far below the smallest double. */

/** ln B(a, b) for a, b > 0. */
export function logBeta(a: number, b: number): number {
  return logGamma(a) + logGamma(b) - logGamma(a + b);
}

/** ln of the share of a beta distribution that lies above `x`: ln(1 − I_x(a, b)). */
export function logBetaAbove(x: number, a: number, b: number): number {
  // The fraction converges fast on one side of the mean only; on the other, the complement is computed.
  if (x > (a + 1) / (a + b + 2)) return logLowerShare(1 - x, b, a);
  return Math.log(-Math.expm1(Math.min(logLowerShare(x, a, b), -Number.MIN_VALUE)));
}

/** ln I_x(a, b), for x at or below the mean. DLMF 8.17.22. */
function logLowerShare(x: number, a: number, b: number): number {
  const log = a * Math.log(x) + b * Math.log1p(-x) - Math.log(a) - logBeta(a, b);
  return log - Math.log(continuedFraction(x, a, b));
}

/** It needs about the square root of the larger parameter: enough for 10^8 trials. */
const STEPS_MAX = 20_000;
const PRECISION = 1e-14;
/** Stands for a zero, which the recurrence must not divide by. */
const TINY = 1e-300;

/** Of I_x(a, b), by the modified method of Lentz (Thompson and Barnett, J. Comput. Phys. 64, 1986). */
function continuedFraction(x: number, a: number, b: number): number {
  let [fraction, c, d] = [1, 1, 0];
  for (let step = 1; step <= STEPS_MAX; step += 1) {
    const m = Math.floor(step / 2);
    const numerator =
      step % 2 === 0
        ? (m * (b - m) * x) / ((a + 2 * m - 1) * (a + 2 * m))
        : (-(a + m) * (a + b + m) * x) / ((a + 2 * m) * (a + 2 * m + 1));
    d = 1 / notZero(1 + numerator * d);
    c = notZero(1 + numerator / c);
    fraction *= c * d;
    if (Math.abs(c * d - 1) < PRECISION) break;
  }
  return fraction;
}

function notZero(value: number): number {
  return Math.abs(value) < TINY ? TINY : value;
}

/** From here on Stirling's series is exact to the last digits. */
const STIRLING_MIN = 12;

/** ln Γ(x) for x > 0: Stirling's series (DLMF 5.11.1), after steps up by Γ(x + 1) = x Γ(x). */
export function logGamma(x: number): number {
  let [shifted, below] = [x, 1];
  for (; shifted < STIRLING_MIN; shifted += 1) below *= shifted;
  const square = shifted * shifted;
  const series = (1 / 12 - (1 / 360 - (1 / 1260 - 1 / (1680 * square)) / square) / square) / shifted;
  return (shifted - 0.5) * Math.log(shifted) - shifted + 0.5 * Math.log(2 * Math.PI) + series - Math.log(below);
}
