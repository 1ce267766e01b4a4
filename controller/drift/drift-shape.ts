/** The shape of drift: what the API answers, `ferry drift` shows and reports are made of. */
import { Type, type Static } from "typebox";
import { FeatureRole, FeatureType } from "../../protocol/messages/telemetry-distribution.ts";

/**
 * `steady` says that so many examples would have shown a change; `inconclusive`, that too few are there to say anything;
 * `not-measured`, that devices only count, since their budget of data is almost used up.
 */
export const DriftState = Type.Union([
  Type.Literal("drifting"),
  Type.Literal("steady"),
  Type.Literal("inconclusive"),
  Type.Literal("not-measured"),
]);
export type DriftState = Static<typeof DriftState>;

export const DriftStatistics = Type.Object({
  /** Population stability index, over the bins of the reference's quantiles or its categories. */
  psi: Type.Number(),
  /** Of psi, where nothing has changed. */
  pValue: Type.Number(),
  /** Distance from 0 to 1. */
  jensenShannon: Type.Number(),
  chiSquare: Type.Number(),
  chiSquarePValue: Type.Number(),
  /** Of numbers only. */
  kolmogorovSmirnov: Type.Optional(Type.Number()),
  kolmogorovSmirnovPValue: Type.Optional(Type.Number()),
  /** In the unit of the values, and of numbers only. */
  wasserstein: Type.Optional(Type.Number()),
  /** Shares of examples: without a value, now and in the reference; and of a category that the reference lacks. */
  missing: Type.Number(),
  referenceMissing: Type.Number(),
  unknown: Type.Optional(Type.Number()),
});
export type DriftStatistics = Static<typeof DriftStatistics>;

/** One bin of a histogram: of values from `from` to `to`, or of a category. */
export const DriftBin = Type.Object({
  name: Type.String(),
  from: Type.Optional(Type.Number()),
  to: Type.Optional(Type.Number()),
  reference: Type.Number(),
  current: Type.Number(),
});
export type DriftBin = Static<typeof DriftBin>;

export const DriftVerdict = Type.Object({
  slot: Type.String(),
  version: Type.String(),
  feature: Type.String(),
  role: FeatureRole,
  type: FeatureType,
  state: DriftState,
  isDrifting: Type.Boolean(),
  /** `bundle`: the baseline that the publisher signed. `fleet`: this version's own first examples. */
  reference: Type.Union([Type.Literal("bundle"), Type.Literal("fleet"), Type.Literal("none")]),
  referenceSamples: Type.Integer(),
  samples: Type.Integer(),
  /** Examples that devices answered in the time looked at and told no distribution of. */
  untold: Type.Integer(),
  devices: Type.Array(Type.String()),
  /** Absent where nothing can be compared. */
  statistics: Type.Optional(DriftStatistics),
  /** What psi must pass with so many samples to be more than chance and more than nothing. */
  threshold: Type.Optional(Type.Number()),
  /** Examples from here on were looked at. */
  fromMs: Type.Number(),
  toMs: Type.Number(),
  /** While drifting: since when, as far back as was looked. */
  sinceMs: Type.Optional(Type.Number()),
  /** What it means, and what to do next. */
  sentence: Type.String(),
});
export type DriftVerdict = Static<typeof DriftVerdict>;
