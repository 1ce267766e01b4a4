/** Which features of a model's inputs and outputs are watched: what a device measures and what a baseline describes are these. */
import type { ModelJson } from "../bundle/model-json.ts";
import { FEATURE_CHARS_MAX, type FeatureType } from "../messages/telemetry-distribution.ts";
import type { TensorSpec } from "../tensor.ts";

export interface Feature {
  readonly name: string;
  readonly role: "input" | "output";
  readonly type: FeatureType;
}

/** What is taken from each example of one tensor, in the order of `features`. */
export interface TensorFeatures {
  readonly tensor: string;
  /** True where the first dimension counts examples. */
  readonly isBatched: boolean;
  /**
   * `elements`: each value. `summary`: mean, standard deviation, least and greatest value. `scores`: the class with the highest
   * score, and that score. `class`: one whole number, as a category.
   */
  readonly take: "elements" | "summary" | "scores" | "class";
  readonly features: readonly Feature[];
}

/** Values of one example that are features one by one; an input with more is summed up: a picture, a sound. */
export const ELEMENTS_MAX = 64;
/** The same of an output: a small regression. */
const OUTPUT_ELEMENTS_MAX = 16;
/** Of one model version: bounds what a device keeps and sends. */
export const FEATURES_MAX = 96;
/** Of these, kept for outputs: predictions that change are noticed whatever the inputs are. */
const OUTPUT_FEATURES_MIN = 16;

/** Pure: the same for every device and for whoever makes the baseline. */
export function featureLayout({ inputs, outputs }: Pick<ModelJson, "inputs" | "outputs">): readonly TensorFeatures[] {
  const layout: TensorFeatures[] = [];
  let left = FEATURES_MAX - OUTPUT_FEATURES_MIN;
  for (const spec of inputs) {
    const wanted = inputFeatures(spec, left);
    if (wanted === undefined || wanted.features.length > left) continue;
    left -= wanted.features.length;
    layout.push(wanted);
  }
  left += OUTPUT_FEATURES_MIN;
  for (const spec of outputs) {
    const wanted = outputFeatures(spec);
    if (wanted === undefined || wanted.features.length > left) continue;
    left -= wanted.features.length;
    layout.push(wanted);
  }
  return layout;
}

/**
 * The layout with the types that a baseline gives its features: whole numbers of which it saw only a few are categories there,
 * codes rather than amounts. Features that it does not name stay as they are.
 */
export function typedAs(
  layout: readonly TensorFeatures[],
  known: readonly Pick<Feature, "name" | "role" | "type">[],
): readonly TensorFeatures[] {
  const categories = new Set(
    known.filter(({ type }) => type === "category").map(({ role, name }) => `${role} ${name}`),
  );
  return layout.map((part) =>
    part.take !== "elements"
      ? part
      : {
          ...part,
          features: part.features.map((feature) =>
            categories.has(`${feature.role} ${feature.name}`) ? { ...feature, type: "category" as const } : feature,
          ),
        },
  );
}

function inputFeatures(spec: TensorSpec, left: number): TensorFeatures | undefined {
  const { datatype } = spec;
  const each = eachOf(spec);
  if (each === undefined) return datatype === "BYTES" ? undefined : summary(spec, "input");
  if (datatype === "BYTES" || datatype === "BOOL") return each <= left ? elements(spec, "input", each) : undefined;
  return each <= Math.min(ELEMENTS_MAX, left) ? elements(spec, "input", each) : summary(spec, "input");
}

function outputFeatures(spec: TensorSpec): TensorFeatures | undefined {
  const { datatype } = spec;
  const each = eachOf(spec);
  const isFloat = datatype.startsWith("FP");
  if (datatype === "BYTES") return undefined;
  if (each === 1 && !isFloat) return named(spec, "class", [["class", "output", "category"]]);
  if (each === undefined) return summary(spec, "output");
  if (isFloat && isVector(spec) && each > 1) {
    return named(spec, "scores", [
      ["class", "output", "category"],
      ["confidence", "output", "number"],
    ]);
  }
  return each <= OUTPUT_ELEMENTS_MAX ? elements(spec, "output", each) : summary(spec, "output");
}

/** Values of one example; undefined where it varies from call to call. */
function eachOf({ shape, ...spec }: TensorSpec): number | undefined {
  const inner = isBatched({ ...spec, shape }) ? shape.slice(1) : shape;
  return inner.includes(-1) ? undefined : inner.reduce((count, dimension) => count * dimension, 1);
}

/** A first dimension that varies, or is 1 before others, counts examples. */
function isBatched({ shape }: TensorSpec): boolean {
  return shape[0] === -1 || (shape[0] === 1 && shape.length > 1);
}

/** [K], [1, K] or [-1, K]. */
function isVector(spec: TensorSpec): boolean {
  return spec.shape.length === (isBatched(spec) ? 2 : 1);
}

function elements(spec: TensorSpec, role: Feature["role"], each: number): TensorFeatures {
  const type: FeatureType = spec.datatype === "BYTES" || spec.datatype === "BOOL" ? "category" : "number";
  const features = Array.from({ length: each }, (_, at) => ({
    name: nameOf(spec, each === 1 ? "" : `[${at}]`),
    role,
    type,
  }));
  return { tensor: spec.name, isBatched: isBatched(spec), take: "elements", features };
}

function summary(spec: TensorSpec, role: Feature["role"]): TensorFeatures {
  return named(
    spec,
    "summary",
    ["mean", "std", "min", "max"].map((what) => [what, role, "number"] as const),
  );
}

function named(
  spec: TensorSpec,
  take: TensorFeatures["take"],
  features: readonly (readonly [what: string, role: Feature["role"], type: FeatureType])[],
): TensorFeatures {
  return {
    tensor: spec.name,
    isBatched: isBatched(spec),
    take,
    features: features.map(([what, role, type]) => ({ name: nameOf(spec, `.${what}`), role, type })),
  };
}

function nameOf({ name }: TensorSpec, suffix: string): string {
  return name.slice(0, FEATURE_CHARS_MAX - suffix.length) + suffix;
}
