/** What a feature's values come from, with and without a change, from a seed; and the sums that devices would send of them. */
import type { Distribution } from "../../controller/drift/judge-feature.ts";
import { CategoryCounts } from "../../protocol/category-counts.ts";
import type { FeatureType } from "../../protocol/messages/telemetry-distribution.ts";
import { frameOf, ValueSketch, type SketchFrame } from "../../protocol/value-sketch.ts";
import { seededRandom } from "../../test/support/seeded-random.ts";

/** Draws one value. */
export type Population = (random: () => number) => number;

export const normal: Population = (random) => Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());

export const shifted =
  (sigmas: number): Population =>
  (random) =>
    sigmas + normal(random);
/** A long tail on one side, as of times, sizes and amounts. */
export const logNormal: Population = (random) => Math.exp(normal(random));
/** Whole numbers from 0 to 16, most of them 0: a pixel near the edge of a digit. */
export const pixel: Population = (random) =>
  random() < 0.6 ? 0 : Math.min(16, Math.round(Math.abs(normal(random)) * 6));

/** A class's index, with these shares. */
export function classes(shares: readonly number[]): Population {
  return (random) => {
    let left = random();
    const at = shares.findIndex((share) => (left -= share) < 0);
    return at < 0 ? shares.length - 1 : at;
  };
}

/** A feature and how its reference's samples and windows are drawn. */
export class SampledFeature {
  readonly type: FeatureType;
  readonly #random: () => number;

  constructor(type: FeatureType, seed: number) {
    this.type = type;
    this.#random = seededRandom(seed);
  }

  reference(population: Population, count: number): Distribution {
    const values = Array.from({ length: count }, () => population(this.#random));
    return this.#sumOf(values, frameOf(values));
  }

  /** In the reference's frame, as a device measures. */
  window(population: Population, count: number, reference: Distribution): Distribution {
    const values = Array.from({ length: count }, () => population(this.#random));
    return this.#sumOf(values, reference.values.frame);
  }

  #sumOf(drawn: readonly number[], frame: SketchFrame): Distribution {
    const values = new ValueSketch(frame);
    const categories = new CategoryCounts();
    for (const value of drawn) {
      if (this.type === "number") values.add(value);
      else categories.add(String(value));
    }
    return { values, categories, count: drawn.length, missing: 0 };
  }
}
