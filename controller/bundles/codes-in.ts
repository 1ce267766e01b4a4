import type { Feature, TensorFeatures } from "../../protocol/features/feature-layout.ts";
import type { FeatureValue } from "../../protocol/features/read-features.ts";
import type { TensorSpec } from "../../protocol/tensor.ts";

/** Different values of a whole number up to which it is taken for a code: a month has twelve. */
const CODES_MAX = 16;
/** Fewer samples have few different values of anything. */
const SAMPLES_MIN = 100;

/** The features of a tensor that are whole numbers of which the samples have few different ones, as categories. Pure. */
export function codesIn(
  { take, tensor, features }: TensorFeatures,
  inputs: readonly TensorSpec[],
  values: ReadonlyMap<string, readonly FeatureValue[]>,
): readonly Feature[] {
  const isWhole = inputs.some(({ name, datatype }) => name === tensor && /^U?INT/.test(datatype));
  if (take !== "elements" || !isWhole) return [];
  return features.flatMap((feature) => {
    const of = values.get(feature.name) ?? [];
    const isCode = of.length >= SAMPLES_MIN && new Set(of).size <= CODES_MAX;
    return isCode ? [{ ...feature, type: "category" as const }] : [];
  });
}
