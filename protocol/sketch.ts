import { ProtocolError } from "./protocol-error.ts";

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
  readonly #counts = new Map<number, number>();
  #count = 0;

  get count(): number {
    return this.#count;
  }

  /** A value that is no number is left out. */
  add(value: number): void {
    if (Number.isNaN(value)) return;
    const clamped = Math.min(VALUE_MAX, Math.max(VALUE_MIN, value));
    this.#addTo(Math.ceil(Math.log(clamped) / LOG_GAMMA), 1);
  }

  /** `weight`: as if `other` held each of its values so many times. Sums that are weighed have no text. */
  merge(other: Sketch, weight = 1): void {
    for (const [index, count] of other.#counts) this.#addTo(index, count * weight);
  }

  /** The value below which the share `q` (0 to 1) of the values lies; undefined of nothing. */
  quantile(q: number): number | undefined {
    const rank = q * (this.#count - 1);
    let seen = 0;
    for (const [index, count] of this.#ascending()) {
      seen += count;
      if (seen > rank) return (2 * GAMMA ** index) / (GAMMA + 1);
    }
    return undefined;
  }

  /** How many values are surely greater: those of the bins that begin at or above `value`. */
  countAbove(value: number): number {
    let count = 0;
    for (const [index, inBin] of this.#counts) if (GAMMA ** (index - 1) >= value) count += inBin;
    return count;
  }

  /**
   * Bins in ascending order as `step.count`, in base 36, joined by spaces; a step is the distance from the bin before (the
   * first: from the lowest possible bin), and a count of 1 is left out. 16 characters a bin at most.
   */
  toText(): string {
    let former = INDEX_MIN;
    return collapsed(this.#ascending())
      .map(([index, count]) => {
        const step = (index - former).toString(36);
        former = index;
        return count === 1 ? step : `${step}.${count.toString(36)}`;
      })
      .join(" ");
  }

  /** Throws MALFORMED. */
  static fromText(text: string): Sketch {
    const sketch = new Sketch();
    let index = INDEX_MIN;
    for (const bin of text === "" ? [] : text.split(" ")) {
      const [, step, count] = BIN.exec(bin) ?? malformed(text);
      index += parseInt(step ?? "", 36);
      if (index > INDEX_MAX) malformed(text);
      sketch.#addTo(index, count === undefined ? 1 : parseInt(count, 36));
    }
    return sketch;
  }

  #addTo(index: number, count: number): void {
    this.#counts.set(index, (this.#counts.get(index) ?? 0) + count);
    this.#count += count;
  }

  #ascending(): [number, number][] {
    return [...this.#counts].sort(([a], [b]) => a - b);
  }
}

/** The same with the lowest bins in one, where there are too many. */
function collapsed(ascending: readonly (readonly [number, number])[]): readonly (readonly [number, number])[] {
  const kept = ascending.slice(-SKETCH_BINS_MAX);
  const [lowest] = kept;
  if (lowest === undefined) return [];
  const excess = ascending.slice(0, ascending.length - kept.length).reduce((sum, [, count]) => sum + count, lowest[1]);
  return [[lowest[0], excess], ...kept.slice(1)];
}

/** Counts of up to 9 digits in base 36, 10^14: sums of them stay exact. */
const BIN = /^([0-9a-z]{1,3})(?:\.([0-9a-z]{1,9}))?$/;

function malformed(text: string): never {
  throw new ProtocolError("MALFORMED", "sketch", `${JSON.stringify(text.slice(0, 100))} is no sequence of bins`);
}
