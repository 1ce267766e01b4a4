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

export const Baseline = closedObject({
  formatVersion: Type.Literal(1),
  samples: Count,
  features: Type.Array(BaselineFeature, { maxItems: FEATURES_MAX }),
});
export type Baseline = Static<typeof Baseline>;

const check = gate("baseline.json", Baseline);

/** Throws OVERSIZE, MALFORMED or SCHEMA. */
export function parseBaseline(bytes: Uint8Array): Baseline {
  return parseJson("baseline.json", bytes, BASELINE_JSON_BYTES_MAX, check);
}
