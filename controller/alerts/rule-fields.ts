/** The fields of an alert rule as a person writes them, in a list of rules or as the `spec` of an Alert, and back. */
import {
  anyNumber,
  anyText,
  mapOf,
  oneOf,
  shown,
  yesOrNo,
  type Place,
  type Reader,
} from "../rollout/document-reader.ts";
import { spanText } from "../rollout/human-values.ts";
import { span } from "../rollout/rollout-fields.ts";
import { ALERT_METRICS, type AlertMetric } from "./alert-metrics.ts";
import type { AlertRule } from "./alert-rule.ts";

const METRIC_NAMES = Object.keys(ALERT_METRICS) as AlertMetric[];
/** Longer is a report's business. */
const FOR_MS_MAX = 7 * 86_400_000;

const forSpan: Reader<number> = (value, place) => {
  const ms = span(value, place);
  if (ms === null || ms <= FOR_MS_MAX) return ms;
  return place.refuse(`${shown(value)} is too much: at most 7d`);
};

const labels: Reader<Readonly<Record<string, string>>> = (value, place) => {
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    return place.refuse(`${shown(value)} is not a list of labels, such as {site: oslo}`);
  }
  const read: Record<string, string> = {};
  for (const [name, label] of Object.entries(value)) {
    const text = anyText(label, place.child(name));
    if (text !== null) read[name] = text;
  }
  return read;
};

/** Of rules, schedules and whatever else is named as Kubernetes names things. */
export const ruleName: Reader<string> = (value, place) =>
  typeof value === "string" && /^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/.test(value)
    ? value
    : place.refuse(`${shown(value)} is no name: lower-case letters, digits and hyphens, at most 63`);

const READERS = {
  metric: oneOf(...METRIC_NAMES),
  is: oneOf(">", ">=", "<", "<="),
  threshold: anyNumber,
  for: forSpan,
  severity: oneOf("critical", "warning", "note"),
  match: labels,
  enabled: yesOrNo,
  next: anyText,
};
const REQUIRED = ["metric", "is", "threshold", "severity"] as const;

const namedFields = mapOf({ name: ruleName, ...READERS }, ["name", ...REQUIRED]);
const ownFields = mapOf(READERS, REQUIRED);

/** One of a list of rules, which says its own name. */
export function readNamedRule(value: unknown, place: Place): AlertRule | null {
  const read = namedFields(value, place);
  return read?.name === undefined ? null : ruleOf(read.name, read);
}

/** The `spec` of an Alert, whose name is in its metadata. */
export function readRuleFields(value: unknown, place: Place, name: string): AlertRule | null {
  const read = ownFields(value, place);
  return read === null ? null : ruleOf(name, read);
}

type Read = NonNullable<ReturnType<typeof ownFields>>;

function ruleOf(name: string, read: Read): AlertRule | null {
  const { metric, is, threshold, severity, match, next, enabled = true, for: forMs = 0 } = read;
  if (metric === undefined || is === undefined || threshold === undefined || severity === undefined) return null;
  return {
    ...{ name, metric, is, threshold, forMs, severity, enabled },
    ...(match === undefined ? {} : { match }),
    ...(next === undefined ? {} : { next }),
  };
}

/** As `readRuleFields` reads it. */
export function ruleFieldsOf({ metric, is, threshold, forMs, severity, match, enabled, next }: AlertRule): object {
  return {
    ...{ metric, is, threshold, for: spanText(forMs), severity },
    ...(match === undefined ? {} : { match }),
    enabled,
    ...(next === undefined ? {} : { next }),
  };
}
