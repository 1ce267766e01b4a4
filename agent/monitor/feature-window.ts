import { CategoryCounts } from "../../protocol/category-counts.ts";
import type { Feature } from "../../protocol/features/feature-layout.ts";
import type { FeatureValue } from "../../protocol/features/read-features.ts";
import { frameOf, ValueSketch, type SketchFrame } from "../../protocol/value-sketch.ts";

/** Values by which a frame is chosen where no baseline gives one; until then they wait in memory. */
const FRAME_VALUES = 64;

/** The values of one feature since the last record. */
export class FeatureWindow {
  readonly feature: Feature;
  count = 0;
  missing = 0;
  #frame: SketchFrame | undefined;
  #waiting: number[] = [];
  #sketch: ValueSketch | undefined;
  #categories = new CategoryCounts();
  readonly #known: CategoryCounts | undefined;

  /** `known`: the categories of a baseline; others are then counted together, whatever they are called. */
  constructor(feature: Feature, frame: SketchFrame | undefined, known: CategoryCounts | undefined) {
    this.feature = feature;
    this.#frame = frame;
    this.#known = known;
  }

  add(value: FeatureValue): void {
    this.count += 1;
    if (value === undefined) this.missing += 1;
    else if (typeof value === "string") this.#addCategory(value);
    else if (this.#frame === undefined) this.#wait(value);
    else this.#values(this.#frame).add(value);
  }

  /** What a record says of the values, which are forgotten; the frame stays. */
  take(): { readonly valueSketch: string } | { readonly categories: string } {
    const { type } = this.feature;
    this.#settleFrame();
    const told =
      type === "number"
        ? { valueSketch: (this.#sketch ?? new ValueSketch(this.#frame)).toText() }
        : { categories: this.#categories.toText() };
    this.count = 0;
    this.missing = 0;
    this.#sketch = undefined;
    this.#categories = new CategoryCounts();
    return told;
  }

  #addCategory(value: string): void {
    if (this.#known === undefined || this.#known.of(value) > 0) this.#categories.add(value);
    else this.#categories.other += 1;
  }

  #wait(value: number): void {
    this.#waiting.push(value);
    if (this.#waiting.length >= FRAME_VALUES) this.#settleFrame();
  }

  #settleFrame(): void {
    if (this.#waiting.length === 0) return;
    const frame = frameOf(this.#waiting);
    this.#frame = frame;
    for (const value of this.#waiting) this.#values(frame).add(value);
    this.#waiting = [];
  }

  #values(frame: SketchFrame): ValueSketch {
    this.#sketch ??= new ValueSketch(frame);
    return this.#sketch;
  }
}
