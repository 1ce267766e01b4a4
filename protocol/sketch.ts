import { BinCounts, readBins, type Bins } from "./bin-counts.ts";

/** Quantiles are right within this share of their value: 1 %. */
export const SKETCH_ACCURACY = 0.01;

/** Smaller values count as this: a microsecond, where values are milliseconds. */
const VALUE_MIN = 1e-3;
/** Larger values count as this: 11 days, where values are milliseconds. */
const VALUE_MAX = 1e9;
/** Bins in the text: 28,000-fold between the smallest and largest value; beyond that the smallest ones share a bin. */
export const SKETCH_BINS_MAX = 512;

const GAMMA = (1 + SKETCH_ACCURACY) / (1 - SKETCH_ACCURACY);
const LOG_GAMMA = Math.log(GAMMA);
const INDEX_MIN = Math.ceil(Math.log(VALUE_MIN) / LOG_GAMMA);
const INDEX_MAX = Math.ceil(Math.log(VALUE_MAX) / LOG_GAMMA);

/**
 * Counts of positive values in bins that grow by 2 %, so that quantiles of any number of values fit some hundred bytes,
 * and sketches of many devices and hours add up to the sketch of all. DDSketch: Masson, Rim, Lee, "DDSketch: A Fast and
 * Fully-Mergeable Quantile Sketch with Relative-Error Guarantees", VLDB 12 (2019).
 */
export class Sketch {
  /** Bin i holds the values in (γ^(i−1), γ^i]; VALUE_MIN and VALUE_MAX bound their number at 1,383. */
  readonly #bins: BinCounts;

  constructor(bins = new BinCounts()) {
    this.#bins = bins;
  }

  get count(): number {
    return this.#bins.total;
  }

  /** A value that is no number is left out. */
  add(value: number): void {
    if (Number.isNaN(value)) return;
    const clamped = Math.min(VALUE_MAX, Math.max(VALUE_MIN, value));
    this.#bins.add(Math.ceil(Math.log(clamped) / LOG_GAMMA), 1);
  }

  /** `weight`: as if `other` held each of its values so many times. Sums that are weighed have no text. */
  merge(other: Sketch, weight = 1): void {
    this.#bins.merge(other.#bins, weight);
  }

  /** The same of a sketch that was only read: what is added up by the thousand need not become a sketch first. */
  addBins(bins: Bins): void {
    this.#bins.addBins(bins);
  }

  /** The value below which the share `q` (0 to 1) of the values lies; undefined of nothing. */
  quantile(q: number): number | undefined {
    const rank = q * (this.count - 1);
    let seen = 0;
    for (const [index, count] of this.#bins.ascending()) {
      seen += count;
      if (seen > rank) return (2 * GAMMA ** index) / (GAMMA + 1);
    }
    return undefined;
  }

  /** How many values are surely greater: those of the bins that begin at or above `value`. */
  countAbove(value: number): number {
    let count = 0;
    for (const [index, inBin] of this.#bins.ascending()) if (GAMMA ** (index - 1) >= value) count += inBin;
    return count;
  }

  /** As BinCounts writes it, 13 characters a bin at most. */
  toText(): string {
    return this.#bins.toText(INDEX_MIN, SKETCH_BINS_MAX);
  }

  /** Throws MALFORMED. */
  static fromText(text: string): Sketch {
    return new Sketch(BinCounts.fromText(text, INDEX_MIN, INDEX_MAX));
  }

  /** Throws MALFORMED. */
  static readBins(text: string): Bins {
    return readBins(text, INDEX_MIN, INDEX_MAX);
  }
}
