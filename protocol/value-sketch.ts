import { BinCounts } from "./bin-counts.ts";
import { ProtocolError } from "./protocol-error.ts";

/** Quantiles are right within this share of their distance from the frame's origin: 5 %. */
export const VALUE_SKETCH_ACCURACY = 0.05;

/** Bins in the text on each side of the origin; where there are more, the innermost ones share a bin. */
export const VALUE_SKETCH_BINS_MAX = 160;

const GAMMA = (1 + VALUE_SKETCH_ACCURACY) / (1 - VALUE_SKETCH_ACCURACY);
const LOG_GAMMA = Math.log(GAMMA);
/** In units: values nearer to the origin are the origin. A thirty-second of a spread is no difference. */
const DISTANCE_MIN = 2 ** -5;
/** In units: farther values count as this far. */
const DISTANCE_MAX = 2 ** 60;
const INDEX_MIN = Math.ceil(Math.log(DISTANCE_MIN) / LOG_GAMMA);
const INDEX_MAX = Math.ceil(Math.log(DISTANCE_MAX) / LOG_GAMMA);

/**
 * Where a sketch looks closely: at `origin`, in steps that begin at `unit` / 32. Relative bins around 0 would put all of a
 * temperature of 300 ± 1 K into one bin; bins around its median, in units of its spread, tell 0.1 K.
 */
export interface SketchFrame {
  readonly origin: number;
  /** Greater than 0. */
  readonly unit: number;
}

/** Of anything; for values of which nothing is known. */
export const PLAIN_FRAME: SketchFrame = { origin: 0, unit: 1 };

/** Values between `from` and `to`, both included where they are equal; `at` stands for all of them. */
export interface ValueBin {
  readonly from: number;
  readonly to: number;
  readonly at: number;
  readonly count: number;
}

/**
 * Counts of real numbers in bins that grow by 11 % with the distance from the origin, on both sides of it. As `Sketch`
 * (DDSketch: Masson, Rim, Lee, VLDB 12, 2019), it adds up over devices and hours. Sketches in different frames add up too:
 * the bins of one are then counted in the frame of the other by the value in their middle, which doubles the error.
 */
export class ValueSketch {
  readonly frame: SketchFrame;
  readonly #below: BinCounts;
  readonly #above: BinCounts;
  #atOrigin = 0;

  constructor(frame: SketchFrame = PLAIN_FRAME, below = new BinCounts(), atOrigin = 0, above = new BinCounts()) {
    this.frame = frame;
    this.#below = below;
    this.#atOrigin = atOrigin;
    this.#above = above;
  }

  get count(): number {
    return this.#below.total + this.#atOrigin + this.#above.total;
  }

  /** `value` must be finite. */
  add(value: number, count = 1): void {
    const { origin, unit } = this.frame;
    const distance = (value - origin) / unit;
    const far = Math.min(DISTANCE_MAX, Math.abs(distance));
    if (far < DISTANCE_MIN) this.#atOrigin += count;
    else (distance < 0 ? this.#below : this.#above).add(Math.ceil(Math.log(far) / LOG_GAMMA), count);
  }

  merge(other: ValueSketch): void {
    if (sameFrame(this.frame, other.frame)) {
      this.#below.merge(other.#below);
      this.#above.merge(other.#above);
      this.#atOrigin += other.#atOrigin;
      return;
    }
    for (const { at, count } of other.bins()) this.add(at, count);
  }

  /** The same values, in another frame. */
  inFrame(frame: SketchFrame): ValueSketch {
    const framed = new ValueSketch(frame);
    framed.merge(this);
    return framed;
  }

  /** Ascending; those that hold something. */
  bins(): ValueBin[] {
    const { origin, unit } = this.frame;
    const side = (sign: 1 | -1, bins: readonly (readonly [number, number])[]) =>
      bins.map(([index, count]) => {
        const [near, middle, far] = [GAMMA ** (index - 1), (2 * GAMMA ** index) / (GAMMA + 1), GAMMA ** index];
        const [from, at, to] = [near, middle, far].map((distance) => origin + sign * unit * distance);
        return sign < 0 ? bin(to, at, from, count) : bin(from, at, to, count);
      });
    const half = unit * DISTANCE_MIN;
    const middle = this.#atOrigin === 0 ? [] : [bin(origin - half, origin, origin + half, this.#atOrigin)];
    return [...side(-1, this.#below.ascending().reverse()), ...middle, ...side(1, this.#above.ascending())];
  }

  /** The value below which the share `q` (0 to 1) of the values lies; undefined of nothing. */
  quantile(q: number): number | undefined {
    const rank = q * (this.count - 1);
    let seen = 0;
    for (const { at, count } of this.bins()) {
      seen += count;
      if (seen > rank) return at;
    }
    return undefined;
  }

  /** `origin unit|below|at the origin|above`; at most 4,300 characters. */
  toText(): string {
    const { origin, unit } = this.frame;
    const [below, above] = [this.#below, this.#above].map((bins) => bins.toText(INDEX_MIN, VALUE_SKETCH_BINS_MAX));
    return `${origin} ${unit}|${String(below)}|${this.#atOrigin.toString(36)}|${String(above)}`;
  }

  /** Throws MALFORMED. */
  static fromText(text: string): ValueSketch {
    const [, originText, unitText, below = "", atOrigin = "", above = ""] = TEXT.exec(text) ?? malformed(text);
    const [origin, unit] = [Number(originText), Number(unitText)];
    if (!Number.isFinite(origin) || !Number.isFinite(unit) || unit <= 0) malformed(text);
    const [before, after] = [below, above].map((bins) => BinCounts.fromText(bins, INDEX_MIN, INDEX_MAX));
    return new ValueSketch({ origin, unit }, before, parseInt(atOrigin, 36), after);
  }
}

/** The frame that fits these values: their median and spread, to a power of two, so that devices choose alike. */
export function frameOf(values: readonly number[]): SketchFrame {
  const median = medianOf(values);
  const spread = medianOf(values.map((value) => Math.abs(value - median)));
  // Where more than half of the values are one, the others tell the scale.
  const mean = values.reduce((sum, value) => sum + Math.abs(value - median) / Math.max(1, values.length), 0);
  const scale = spread > 0 ? spread : mean;
  const unit = 2 ** Math.floor(Math.log2(Math.min(UNIT_MAX, Math.max(scale, Math.abs(median) * 2 ** -20, UNIT_MIN))));
  return { origin: Math.round(median / unit) * unit, unit };
}

/** Less is rounding of what a device computes in single precision. */
const UNIT_MIN = 2 ** -40;
/** A sketch reaches 2^60 units far, and stays below what a number can be. */
const UNIT_MAX = 2 ** 900;

/** Of two frames the one in which both are added up, whichever came first: the coarser one. */
export function commonFrame(one: SketchFrame, other: SketchFrame): SketchFrame {
  if (one.unit !== other.unit) return one.unit > other.unit ? one : other;
  return one.origin <= other.origin ? one : other;
}

function medianOf(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor((values.length - 1) / 2)] ?? 0;
}

function sameFrame(one: SketchFrame, other: SketchFrame): boolean {
  return one.origin === other.origin && one.unit === other.unit;
}

function bin(from = 0, at = 0, to = 0, count = 0): ValueBin {
  return { from, to, at, count };
}

const TEXT = /^(\S{1,32}) (\S{1,32})\|([^|]*)\|([0-9a-z]{1,9})\|([^|]*)$/;

function malformed(text: string): never {
  throw new ProtocolError("MALFORMED", "value sketch", `${JSON.stringify(text.slice(0, 100))} is none`);
}
