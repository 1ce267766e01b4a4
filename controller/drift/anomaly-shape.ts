/** The shape of anomalies: what the API answers, `ferry anomalies` shows and reports are made of. */
import { Type, type Static } from "typebox";

/**
 * `anomalous`: more examples are unusual than chance and the baseline's own tail explain; `usual`: examples enough, and no more than
 * that; `inconclusive`: too few examples; `not-scored`: the bundle says nothing of what is unusual.
 */
export const AnomalyState = Type.Union([
  Type.Literal("anomalous"),
  Type.Literal("usual"),
  Type.Literal("inconclusive"),
  Type.Literal("not-scored"),
]);
export type AnomalyState = Static<typeof AnomalyState>;

export const AnomalyDetector = Type.Object({
  /** `robust-z` or `mahalanobis`. */
  name: Type.String(),
  /** Scores above it are anomalous. */
  threshold: Type.Optional(Type.Number()),
  /** Examples above it, of `examples`. */
  anomalous: Type.Integer(),
  /** The probability of that many, or more, where nothing has changed; absent without a baseline. */
  pValue: Type.Optional(Type.Number()),
  /** Of the scores; absent where devices only count. */
  median: Type.Optional(Type.Number()),
  p99: Type.Optional(Type.Number()),
  highest: Type.Optional(Type.Number()),
});
export type AnomalyDetector = Static<typeof AnomalyDetector>;

export const AnomalySpan = Type.Object({
  fromMs: Type.Number(),
  toMs: Type.Number(),
  examples: Type.Integer(),
  anomalous: Type.Integer(),
});
export type AnomalySpan = Static<typeof AnomalySpan>;

export const AnomalyVerdict = Type.Object({
  slot: Type.String(),
  version: Type.String(),
  /** Absent where it is about all devices together. */
  device: Type.Optional(Type.String()),
  devices: Type.Integer(),
  state: AnomalyState,
  /** Examples that were scored. */
  examples: Type.Integer(),
  /** Of these, by the detector that found most. */
  anomalous: Type.Integer(),
  /** The share that is expected of examples like those of the baseline, at most. */
  expectedShare: Type.Optional(Type.Number()),
  detectors: Type.Array(AnomalyDetector),
  /** Inputs that were farthest from normal in anomalous examples, the most frequent first. */
  farthest: Type.Array(Type.Object({ feature: Type.String(), examples: Type.Integer() })),
  /** Stretches of time with examples, ascending. */
  spans: Type.Array(AnomalySpan),
  fromMs: Type.Number(),
  toMs: Type.Number(),
  /** While anomalous: since when, as far back as was looked. */
  sinceMs: Type.Optional(Type.Number()),
  /** What it means, and what to do next. */
  sentence: Type.String(),
});
export type AnomalyVerdict = Static<typeof AnomalyVerdict>;
