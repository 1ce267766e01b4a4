/**
 * The fields of a `distribution` record: how the values of one feature of a model version were distributed on one device
 * in one window. No value itself is in it. Records of one feature add up: `protocol/distribution-sum.ts`.
 */
import { Type, type Static } from "typebox";
import { gate } from "../schema.ts";
import { CELL_CHARS_MAX } from "./telemetry-batch.ts";

/**
 * `input`, `output`: what the model was given, and what it made of it. `score`: how unusual the inputs of each example were,
 * by the detector that `feature` names.
 */
export const FeatureRole = Type.Union([Type.Literal("input"), Type.Literal("output"), Type.Literal("score")]);
export type FeatureRole = Static<typeof FeatureRole>;

/** `number`: `valueSketch` tells. `category`: `categories` does; a class, a flag, one of a few codes. */
export const FeatureType = Type.Union([Type.Literal("number"), Type.Literal("category")]);
export type FeatureType = Static<typeof FeatureType>;

/** `pixels[12]`, `image.mean`, `scores.class`, `scores.confidence`, `robust-z`. */
export const FEATURE_CHARS_MAX = 64;

const Count = Type.Integer({ minimum: 0, maximum: Number.MAX_SAFE_INTEGER });

export const DistributionFields = Type.Object({
  slot: Type.String({ maxLength: 64 }),
  version: Type.String({ maxLength: 64 }),
  feature: Type.String({ minLength: 1, maxLength: FEATURE_CHARS_MAX }),
  role: FeatureRole,
  type: FeatureType,
  /** Records that this one is the sum of; absent: itself. */
  records: Type.Optional(Count),
  /** Milliseconds that it is about; of several devices or windows, added up. */
  windowMs: Type.Number({ minimum: 0 }),
  /** Examples that the model answered. */
  seen: Count,
  /** Of these, those that were looked at; fewer than `seen` where requests were frequent. */
  count: Count,
  /** Of those looked at, the ones whose value is no finite number. */
  missing: Count,
  /** Of those looked at, the ones that are counted only: a device short of data tells no distribution. Absent: none. */
  untold: Type.Optional(Count),
  /** A ValueSketch as text. */
  valueSketch: Type.Optional(Type.String({ maxLength: CELL_CHARS_MAX })),
  /** CategoryCounts as text. */
  categories: Type.Optional(Type.String({ maxLength: CELL_CHARS_MAX })),
  /** Of a score: examples beyond the detector's bound. */
  anomalous: Type.Optional(Count),
  /** Microseconds that looking at one example took, on average, for all of the model's features. */
  costMicros: Type.Optional(Type.Number({ minimum: 0 })),
});
export type DistributionFields = Static<typeof DistributionFields>;

/** Throws SCHEMA. */
export const checkDistributionFields = gate("distribution record", DistributionFields);
