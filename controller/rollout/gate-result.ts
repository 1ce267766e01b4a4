import { Type, type Static } from "typebox";

/** What one gate said when it was read last. */
export const GateResult = Type.Object({
  metric: Type.String(),
  verdict: Type.Union([Type.Literal("pass"), Type.Literal("fail"), Type.Literal("inconclusive")]),
  /** The estimate, in the metric's own unit; null while there is nothing to estimate from. */
  value: Type.Union([Type.Number(), Type.Null()]),
  /** What it is held against, in the same unit; null while that is not known (a ratio without a baseline). */
  limit: Type.Union([Type.Number(), Type.Null()]),
  samples: Type.Number(),
  /** One sentence for a person, with the numbers. */
  text: Type.String(),
});
export type GateResult = Static<typeof GateResult>;
