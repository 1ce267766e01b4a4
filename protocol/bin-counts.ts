import { ProtocolError } from "./protocol-error.ts";

/** Counts by the index of a bin, as sketches keep them: they add up, and have a short text. */
export class BinCounts {
  readonly #counts = new Map<number, number>();
  #total = 0;

  get total(): number {
    return this.#total;
  }

  add(index: number, count: number): void {
    this.#counts.set(index, (this.#counts.get(index) ?? 0) + count);
    this.#total += count;
  }

  /** `weight`: as if `other` held each count so many times. */
  merge(other: BinCounts, weight = 1): void {
    for (const [index, count] of other.#counts) this.add(index, count * weight);
  }

  ascending(): [index: number, count: number][] {
    return [...this.#counts].sort(([a], [b]) => a - b);
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
    let index = indexMin;
    for (const bin of text === "" ? [] : text.split(" ")) {
      const [, step, count] = BIN.exec(bin) ?? malformed(text);
      index += parseInt(step ?? "", 36);
      if (index > indexMax) malformed(text);
      counts.add(index, count === undefined ? 1 : parseInt(count, 36));
    }
    return counts;
  }
}

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

/** Counts of up to 9 digits in base 36, 10^14: sums of them stay exact. */
const BIN = /^([0-9a-z]{1,3})(?:\.([0-9a-z]{1,9}))?$/;

function malformed(text: string): never {
  throw new ProtocolError("MALFORMED", "sketch", `${JSON.stringify(text.slice(0, 100))} is no sequence of bins`);
}
