/** What is watched, and from when on somebody is told. */
import { Type, type Static } from "typebox";
import { AlertMetric } from "./alert-metrics.ts";

export const AlertSeverity = Type.Union([Type.Literal("critical"), Type.Literal("warning"), Type.Literal("note")]);
export type AlertSeverity = Static<typeof AlertSeverity>;

export const Comparison = Type.Union([Type.Literal(">"), Type.Literal(">="), Type.Literal("<"), Type.Literal("<=")]);
export type Comparison = Static<typeof Comparison>;

/** As Kubernetes names things. */
export const RuleName = Type.String({ pattern: "^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$" });

export const AlertRule = Type.Object({
  name: RuleName,
  metric: AlertMetric,
  is: Comparison,
  /** In the metric's unit. */
  threshold: Type.Number(),
  /** How long it must hold without a break before somebody is told. */
  forMs: Type.Integer({ minimum: 0 }),
  severity: AlertSeverity,
  /** Only what has all of these labels, such as `model: digits`. Absent: everything that the metric tells of. */
  match: Type.Optional(Type.Record(Type.String(), Type.String())),
  /** False: it is kept, and not looked at. */
  enabled: Type.Boolean(),
  /** What to do; absent: what the metric proposes. */
  next: Type.Optional(Type.String({ maxLength: 500 })),
});
export type AlertRule = Static<typeof AlertRule>;

/** Enough for a fleet of many models; each is looked at every time. */
export const RULES_MAX = 200;
