/** How far the answers of a rewritten model lie from those of the one that it was made of. Pure. */
import { elementsIn } from "../../../protocol/tensor-elements.ts";
import type { Tensor } from "../../../protocol/tensor.ts";

export interface Accuracy {
  /** Largest and mean distance of a number from what it was before. */
  readonly maxDifference: number;
  readonly meanDifference: number;
  /** The share of rows of the first output whose largest value is in the same place; absent where that means nothing. */
  readonly top1Agreement?: number;
}

/** Adds up over golden cases. */
export class AccuracyTally {
  readonly #hasClasses: boolean;
  #max = 0;
  #sum = 0;
  #count = 0;
  #rows = 0;
  #rowsAgreed = 0;

  /** `hasClasses`: the last dimension of the first output counts classes. */
  constructor(hasClasses: boolean) {
    this.#hasClasses = hasClasses;
  }

  /** The outputs of one case, in the same order. */
  add(before: readonly Tensor[], after: readonly Tensor[]): void {
    for (const [at, tensor] of before.entries()) {
      const other = after[at];
      if (other === undefined) continue;
      this.#addDistances(tensor, other);
      if (at === 0 && this.#hasClasses) this.#addRows(tensor, other);
    }
  }

  result(): Accuracy {
    return {
      maxDifference: this.#max,
      meanDifference: this.#count === 0 ? 0 : this.#sum / this.#count,
      ...(this.#rows === 0 ? {} : { top1Agreement: this.#rowsAgreed / this.#rows }),
    };
  }

  #addDistances(before: Tensor, after: Tensor): void {
    if (before.datatype === "BYTES") return;
    const [was, is] = [elementsIn(before), elementsIn(after)];
    for (let at = 0; at < was.length; at += 1) {
      const distance = Math.abs(Number(is[at]) - Number(was[at]));
      // Two equal infinities have no distance; a NaN that came or went is as far as can be.
      const counted = Object.is(was[at], is[at]) ? 0 : Number.isNaN(distance) ? Infinity : distance;
      this.#max = Math.max(this.#max, counted);
      this.#sum += counted;
      this.#count += 1;
    }
  }

  #addRows(before: Tensor, after: Tensor): void {
    const classes = before.shape.at(-1) ?? 0;
    const [was, is] = [elementsIn(before), elementsIn(after)];
    if (classes < 2 || was.length !== is.length) return;
    for (let row = 0; row < was.length; row += classes) {
      this.#rows += 1;
      if (largestAt(was, row, classes) === largestAt(is, row, classes)) this.#rowsAgreed += 1;
    }
  }
}

function largestAt(elements: ArrayLike<unknown>, from: number, count: number): number {
  let best = from;
  for (let at = from + 1; at < from + count; at += 1) if (Number(elements[at]) > Number(elements[best])) best = at;
  return best - from;
}

/** The absolute tolerance under which `actual` would pass beside that relative one; 0 where it needs none. */
export function neededTolerance(expected: readonly Tensor[], actual: readonly Tensor[], relative: number): number {
  let needed = 0;
  for (const wanted of expected) {
    const got = actual.find(({ name }) => name === wanted.name);
    if (got === undefined || wanted.datatype === "BYTES") continue;
    const [was, is] = [elementsIn(wanted), elementsIn(got)];
    for (let at = 0; at < was.length; at += 1) {
      if (Object.is(was[at], is[at])) continue;
      const beyond = Math.abs(Number(is[at]) - Number(was[at])) - relative * Math.abs(Number(was[at]));
      needed = Math.max(needed, Number.isNaN(beyond) ? Infinity : beyond);
    }
  }
  return needed;
}
