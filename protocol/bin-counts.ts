import { ProtocolError } from "./protocol-error.ts";

/**
 * Counts by the index of a bin, as sketches keep them: they add up, and have a short text. Whoever adds bounds the indices:
 * all between the lowest and the highest are kept, 8 bytes each, because to add up neighbours is what is done most.
 */
export class BinCounts {
  /** Of `#lowest`, of the bin after it, and so on; there may be zeros at both ends. */
  #counts = NO_BINS;
  #lowest = 0;
  #total = 0;

  get total(): number {
    return this.#total;
  }

  add(index: number, count: number): void {
    this.#reach(index, index);
    const at = index - this.#lowest;
    this.#counts[at] = (this.#counts[at] ?? 0) + count;
    this.#total += count;
  }

  /** `weight`: as if `other` held each count so many times. */
  merge(other: BinCounts, weight = 1): void {
    const { length } = other.#counts;
    if (length === 0) return;
    this.#reach(other.#lowest, other.#lowest + length - 1);
    const [mine, theirs, offset] = [this.#counts, other.#counts, other.#lowest - this.#lowest];
    for (let at = 0; at < length; at += 1) {
      mine[offset + at] = (mine[offset + at] ?? 0) + (theirs[at] ?? 0) * weight;
    }
    this.#total += other.#total * weight;
  }

  /** Those that hold something. */
  ascending(): [index: number, count: number][] {
    const bins: [number, number][] = [];
    for (const [at, count] of this.#counts.entries()) if (count !== 0) bins.push([this.#lowest + at, count]);
    return bins;
  }

  /**
   * Bins in ascending order as `step.count`, in base 36, joined by spaces; a step is the distance from the bin before (the
   * first: from `indexMin`), and a count of 1 is left out. 13 characters a bin at most. Where there are more than
   * `binsMax` bins, the lowest ones share one.
   */
  toText(indexMin: number, binsMax: number): string {
    let former = indexMin;
    return collapsed(this.ascending(), binsMax)
      .map(([index, count]) => {
        const step = (index - former).toString(36);
        former = index;
        return count === 1 ? step : `${step}.${count.toString(36)}`;
      })
      .join(" ");
  }

  /** Throws MALFORMED, also for a bin beyond `indexMax`. */
  static fromText(text: string, indexMin: number, indexMax: number): BinCounts {
    const counts = new BinCounts();
    counts.addBins(readBins(text, indexMin, indexMax));
    return counts;
  }

  addBins(bins: Bins): void {
    const [lowest, highest] = [bins[0], bins[bins.length - 2]];
    if (lowest === undefined || highest === undefined) return;
    this.#reach(lowest, highest);
    const [counts, offset] = [this.#counts, this.#lowest];
    let added = 0;
    for (let at = 0; at < bins.length; at += 2) {
      const [place, count] = [(bins[at] ?? 0) - offset, bins[at + 1] ?? 0];
      counts[place] = (counts[place] ?? 0) + count;
      added += count;
    }
    this.#total += added;
  }

  /** Makes room, and some more, so that a sketch that widens bin by bin is not copied for each. */
  #reach(low: number, high: number): void {
    const { length } = this.#counts;
    if (length === 0) {
      [this.#counts, this.#lowest] = [new Float64Array(high - low + 1), low];
      return;
    }
    if (low >= this.#lowest && high < this.#lowest + length) return;
    const [from, to] = [this.#lowest, this.#lowest + length - 1];
    const lowest = low < from ? low - SPARE_BINS : from;
    const highest = high > to ? high + SPARE_BINS : to;
    const wider = new Float64Array(highest - lowest + 1);
    wider.set(this.#counts, from - lowest);
    [this.#counts, this.#lowest] = [wider, lowest];
  }
}

const NO_BINS = new Float64Array(0);
const SPARE_BINS = 16;

/** The same with the lowest bins in one, where there are too many. */
function collapsed(
  ascending: readonly (readonly [number, number])[],
  binsMax: number,
): readonly (readonly [number, number])[] {
  const kept = ascending.slice(-binsMax);
  const [lowest] = kept;
  if (lowest === undefined) return [];
  const excess = ascending.slice(0, ascending.length - kept.length).reduce((sum, [, count]) => sum + count, lowest[1]);
  return [[lowest[0], excess], ...kept.slice(1)];
}

/** A step of three reaches over every bin that there may be. */
const STEP_DIGITS_MAX = 3;
/** 10^14: sums of such counts stay exact. */
const COUNT_DIGITS_MAX = 9;
const SPACE = 32;
const DOT = 46;

/** Index, count, index, count, …, ascending: a text that has been read, to be added to what is there. */
export type Bins = readonly number[];

/** Throws MALFORMED, also for a bin beyond `indexMax`. Digit by digit: this runs for each sketch of each record of a fleet. */
export function readBins(text: string, indexMin: number, indexMax: number): Bins {
  const bins: number[] = [];
  if (text === "") return bins;
  let index = indexMin;
  let number = 0;
  let digits = 0;
  let isCount = false;
  // The end ends a bin as a space does.
  for (let at = 0; at <= text.length; at += 1) {
    const code = at === text.length ? SPACE : text.charCodeAt(at);
    const digit = digitOf(code);
    if (digit >= 0) {
      number = number * 36 + digit;
      digits += 1;
      continue;
    }
    if (digits === 0 || digits > (isCount ? COUNT_DIGITS_MAX : STEP_DIGITS_MAX)) malformed(text);
    if (!isCount) index += number;
    if (code === SPACE) {
      if (index > indexMax) malformed(text);
      bins.push(index, isCount ? number : 1);
      isCount = false;
    } else if (code === DOT && !isCount) isCount = true;
    else malformed(text);
    number = 0;
    digits = 0;
  }
  return bins;
}

/** In base 36, small letters; −1 for anything else. */
function digitOf(code: number): number {
  if (code >= 48 && code <= 57) return code - 48;
  return code >= 97 && code <= 122 ? code - 87 : -1;
}

function malformed(text: string): never {
  throw new ProtocolError("MALFORMED", "sketch", `${JSON.stringify(text.slice(0, 100))} is no sequence of bins`);
}
