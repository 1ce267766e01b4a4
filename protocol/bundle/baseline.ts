/**
 * `baseline.json`, inside the signed set: how the features of a model were distributed over the samples that its publisher
 * chose as normal, and how unusual an example may be. Devices measure in its frames; the controller compares with it.
 */
import { Type, type Static } from "typebox";
import { CELL_CHARS_MAX } from "../messages/telemetry-batch.ts";
import { FEATURE_CHARS_MAX, FeatureType } from "../messages/telemetry-distribution.ts";
import { FEATURES_MAX } from "../features/feature-layout.ts";
import { closedObject, gate, parseJson } from "../schema.ts";

/** Read whole into memory; 96 features of 4 kB, and the matrix of a detector. */
export const BASELINE_JSON_BYTES_MAX = 2_097_152;

const Count = Type.Integer({ minimum: 0, maximum: Number.MAX_SAFE_INTEGER });

export const BaselineFeature = closedObject({
  name: Type.String({ minLength: 1, maxLength: FEATURE_CHARS_MAX }),
  role: Type.Union([Type.Literal("input"), Type.Literal("output")]),
  type: FeatureType,
  /** Samples, those without a value included. */
  count: Count,
  missing: Count,
  valueSketch: Type.Optional(Type.String({ maxLength: CELL_CHARS_MAX })),
  categories: Type.Optional(Type.String({ maxLength: CELL_CHARS_MAX })),
});
export type BaselineFeature = Static<typeof BaselineFeature>;

const Numbers = (maxItems: number) => Type.Array(Type.Number(), { maxItems });

/**
 * How unusual the inputs of one example may be; scores are computed by `protocol/features/anomaly-scorer.ts`. Thresholds
 * are set with samples that centres, scales and covariance were not taken from.
 */
export const Detectors = closedObject({
  /** Numeric inputs that no sample lacks, in the order of the baseline's features. */
  features: Type.Array(
    closedObject({
      name: Type.String({ minLength: 1, maxLength: FEATURE_CHARS_MAX }),
      /** The median. */
      centre: Type.Number(),
      /** The standard deviation, as estimated by the median absolute deviation where that is not 0. */
      scale: Type.Number({ exclusiveMinimum: 0 }),
    }),
    { minItems: 1, maxItems: FEATURES_MAX },
  ),
  /** At most this share of examples like the samples is beyond each threshold. */
  falseAlarms: Type.Number({ exclusiveMinimum: 0, maximum: 0.5 }),
  /** Samples by which the thresholds were set: the share that is beyond them is less than `falseAlarms` by 1 / (these + 1) at most. */
  calibratedWith: Count,
  robustZ: closedObject({ threshold: Type.Number({ minimum: 0 }) }),
  /** Absent where there is one feature: it would be the same. */
  mahalanobis: Type.Optional(
    closedObject({
      threshold: Type.Number({ minimum: 0 }),
      /** W of |W z − o|, z being the robust z of the features: the lower triangle, row by row. */
      factor: Numbers((FEATURES_MAX * (FEATURES_MAX + 1)) / 2),
      /** o, the mean of W z over the samples. */
      offset: Numbers(FEATURES_MAX),
    }),
  ),
});
export type Detectors = Static<typeof Detectors>;

export const Baseline = closedObject({
  formatVersion: Type.Literal(1),
  samples: Count,
  features: Type.Array(BaselineFeature, { maxItems: FEATURES_MAX }),
  /** Absent where there were too few samples, or no numeric inputs. */
  detectors: Type.Optional(Detectors),
});
export type Baseline = Static<typeof Baseline>;

const check = gate("baseline.json", Baseline);

/** Throws OVERSIZE, MALFORMED or SCHEMA. */
export function parseBaseline(bytes: Uint8Array): Baseline {
  return parseJson("baseline.json", bytes, BASELINE_JSON_BYTES_MAX, check);
}
