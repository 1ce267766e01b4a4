/** Distances between two distributions and how surprising they are. Pure; of counts by bin, or of values at places. */
import { chiSquareAbove } from "./chi-square.ts";

/** Counts of the reference and of what is compared with it, bin by bin. */
export interface PairedCounts {
  readonly reference: readonly number[];
  readonly current: readonly number[];
}

/** The same, of numbers: `at` ascends and stands for the values of a bin. */
export interface PairedValues extends PairedCounts {
  readonly at: readonly number[];
}

/** Added to each count: a bin that one side lacks is not infinitely far away (Jeffreys's prior). */
const SMOOTHING = 0.5;

/** Population stability index, Σ (p − q) ln(p / q): the symmetric Kullback–Leibler divergence of smoothed shares. */
export function populationStability({ reference, current }: PairedCounts): number {
  const [p, q] = [smoothed(current), smoothed(reference)];
  return sumOver(p, (share, at) => (share - (q[at] ?? 0)) * Math.log(share / (q[at] ?? 1)));
}

/** Jensen–Shannon distance to base 2: 0 for equal distributions, 1 for such that share nothing. */
export function jensenShannon({ reference, current }: PairedCounts): number {
  const [p, q] = [shares(current), shares(reference)];
  const divergence = sumOver(p, (share, at) => {
    const other = q[at] ?? 0;
    const middle = (share + other) / 2;
    return (entropyTerm(share, middle) + entropyTerm(other, middle)) / 2;
  });
  return Math.sqrt(Math.max(0, divergence));
}

export interface Test {
  readonly statistic: number;
  /** The probability of such a statistic, or a greater one, where nothing has changed. */
  readonly pValue: number;
}

/** Two-sample Kolmogorov–Smirnov. Values that share a bin are ties, which makes `pValue` larger, never smaller. */
export function kolmogorovSmirnov(values: PairedCounts): Test {
  const [n, m] = [total(values.current), total(values.reference)];
  const statistic = Math.max(0, ...cumulativeDifferences(values).map(Math.abs));
  return { statistic, pValue: kolmogorovAbove(statistic * Math.sqrt((n * m) / (n + m))) };
}

/** Wasserstein-1, the earth mover's distance, in the unit of the values. */
export function wasserstein(values: PairedValues): number {
  const differences = cumulativeDifferences(values);
  return sumOver(differences, (difference, at) => {
    const step = (values.at[at + 1] ?? values.at[at] ?? 0) - (values.at[at] ?? 0);
    return Math.abs(difference) * step;
  });
}

/** χ² of homogeneity, over the bins that hold anything. */
export function chiSquare({ reference, current }: PairedCounts): Test & { readonly degrees: number } {
  const [n, m] = [total(current), total(reference)];
  const bins = current.map((count, at) => [count, reference[at] ?? 0] as const).filter(([a, b]) => a + b > 0);
  const statistic = bins.reduce((sum, [a, b]) => {
    const [expectedA, expectedB] = [((a + b) * n) / (n + m), ((a + b) * m) / (n + m)];
    return sum + (a - expectedA) ** 2 / expectedA + (b - expectedB) ** 2 / expectedB;
  }, 0);
  const degrees = Math.max(0, bins.length - 1);
  return { statistic, degrees, pValue: chiSquareAbove(statistic, degrees) };
}

/** The share of the limiting distribution of √n D above `x` (Kolmogorov 1933). */
function kolmogorovAbove(x: number): number {
  // The alternating series needs ever more terms towards 0, where the share is 1 to the last digit.
  if (x < 0.2) return 1;
  let sum = 0;
  for (let k = 1; k <= 100; k += 1) {
    const term = Math.exp(-2 * k * k * x * x);
    sum += k % 2 === 1 ? term : -term;
    if (term < 1e-17) break;
  }
  return Math.min(1, Math.max(0, 2 * sum));
}

/** Of the two cumulative shares, after each bin. */
function cumulativeDifferences({ reference, current }: PairedCounts): number[] {
  const [p, q] = [shares(current), shares(reference)];
  let difference = 0;
  return p.map((share, at) => (difference += share - (q[at] ?? 0)));
}

function smoothed(counts: readonly number[]): number[] {
  return shares(counts.map((count) => count + SMOOTHING));
}

function shares(counts: readonly number[]): number[] {
  const all = total(counts);
  return counts.map((count) => (all === 0 ? 0 : count / all));
}

export function total(counts: readonly number[]): number {
  return counts.reduce((sum, count) => sum + count, 0);
}

function entropyTerm(share: number, middle: number): number {
  return share === 0 ? 0 : share * Math.log2(share / middle);
}

function sumOver(values: readonly number[], term: (value: number, at: number) => number): number {
  return values.reduce((sum, value, at) => sum + term(value, at), 0);
}
