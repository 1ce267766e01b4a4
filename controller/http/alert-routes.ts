import { Type, type Static } from "typebox";
import { ALERT_METRICS } from "../alerts/alert-metrics.ts";
import { AlertRule, AlertSeverity, RuleName, RULES_MAX } from "../alerts/alert-rule.ts";
import { Matcher, MATCHERS_MAX } from "../alerts/silence.ts";
import { route } from "./route.ts";

export const AlertView = Type.Object({
  /** For `ack`: the same for the same rule and device or model, always. */
  id: Type.String(),
  rule: Type.String(),
  severity: AlertSeverity,
  state: Type.Union([Type.Literal("pending"), Type.Literal("firing"), Type.Literal("resolved")]),
  /** What it is about: a device, `model@version`, `rollout 7`, or `fleet`. */
  subject: Type.String(),
  labels: Type.Record(Type.String(), Type.String()),
  metric: Type.String(),
  value: Type.Number(),
  threshold: Type.Number(),
  /** One sentence. */
  summary: Type.String(),
  /** What to do. */
  next: Type.String(),
  /** Since when it is in its state. */
  sinceMs: Type.Number(),
  /** It came and went several times within the hour, and is over only after a longer quiet. */
  isFlapping: Type.Boolean(),
  isSilenced: Type.Boolean(),
  /** Who has it in hand. */
  ackedBy: Type.Optional(Type.String()),
});
export type AlertView = Static<typeof AlertView>;

export const SilenceView = Type.Object({
  id: Type.Integer(),
  matchers: Type.Array(Matcher),
  untilMs: Type.Number(),
  by: Type.String(),
  comment: Type.String(),
});
export type SilenceView = Static<typeof SilenceView>;

export const RuleView = Type.Object({ rule: AlertRule, isDefault: Type.Boolean() });
export type RuleView = Static<typeof RuleView>;

/** A week and a bit: what is silenced for longer is a rule to be turned off. */
const SILENCE_SECONDS_MAX = 31 * 86_400;

export const ALERT_ROUTES = {
  listAlerts: route({
    method: "GET",
    path: "/api/v1/alerts",
    tag: "alerts",
    summary: "What is wrong now and was within a day, the worst first; silences; rules that cannot be read",
    role: "viewer",
    result: Type.Object({
      alerts: Type.Array(AlertView),
      silences: Type.Array(SilenceView),
      brokenRules: Type.Array(Type.Object({ name: Type.String(), why: Type.String() })),
    }),
  }),
  acknowledgeAlert: route({
    method: "POST",
    path: "/api/v1/alerts/:alert/ack",
    tag: "alerts",
    summary: "Says that somebody has it in hand: it is not told again until it is over",
    role: "operator",
    changes: true,
    params: Type.Object({ alert: Type.String({ pattern: "^[0-9a-f]{4,16}$" }) }),
    result: AlertView,
  }),
  silenceAlerts: route({
    method: "POST",
    path: "/api/v1/alerts/silences",
    tag: "alerts",
    summary: "Tells nobody of alerts that match, for a time",
    role: "operator",
    changes: true,
    body: Type.Object(
      {
        matchers: Type.Array(Matcher, { minItems: 1, maxItems: MATCHERS_MAX }),
        seconds: Type.Integer({ minimum: 60, maximum: SILENCE_SECONDS_MAX }),
        comment: Type.Optional(Type.String({ maxLength: 500 })),
      },
      { additionalProperties: false },
    ),
    result: Type.Object({ silence: SilenceView, alerts: Type.Integer() }),
  }),
  unsilenceAlerts: route({
    method: "DELETE",
    path: "/api/v1/alerts/silences/:silence",
    tag: "alerts",
    summary: "Ends a silence",
    role: "operator",
    changes: true,
    params: Type.Object({ silence: Type.Integer({ minimum: 1 }) }),
    result: Type.Object({ id: Type.Integer() }),
  }),
  listAlertRules: route({
    method: "GET",
    path: "/api/v1/alerts/rules",
    tag: "alerts",
    summary: "What is watched",
    role: "viewer",
    result: Type.Object({
      rules: Type.Array(RuleView),
      metrics: Type.Array(
        Type.Object({ name: Type.String(), unit: Type.String(), of: Type.String(), help: Type.String() }),
      ),
    }),
  }),
  setAlertRules: route({
    method: "POST",
    path: "/api/v1/alerts/rules",
    tag: "alerts",
    summary: "Adds rules, each in the place of one of the same name",
    role: "operator",
    changes: true,
    body: Type.Object(
      { rules: Type.Array(AlertRule, { minItems: 1, maxItems: RULES_MAX }) },
      { additionalProperties: false },
    ),
    result: Type.Object({ names: Type.Array(RuleName) }),
  }),
  deleteAlertRule: route({
    method: "DELETE",
    path: "/api/v1/alerts/rules/:rule",
    tag: "alerts",
    summary: "Forgets a rule; one of the program's own is as it was again",
    role: "operator",
    changes: true,
    params: Type.Object({ rule: RuleName }),
    result: Type.Object({ name: RuleName }),
  }),
  testAlertReceivers: route({
    method: "POST",
    path: "/api/v1/alerts/test",
    tag: "alerts",
    summary: "Sends a test alert to every receiver, and says what each answered",
    role: "operator",
    changes: true,
    result: Type.Object({
      receivers: Type.Array(
        Type.Object({
          name: Type.String(),
          url: Type.String(),
          isSigned: Type.Boolean(),
          /** Absent: it was taken. */
          problem: Type.Optional(Type.String()),
        }),
      ),
    }),
  }),
} as const;

export const METRIC_LIST = Object.entries(ALERT_METRICS).map(([name, { unit, of, help }]) => ({
  name,
  unit,
  of,
  help,
}));
