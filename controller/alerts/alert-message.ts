/**
 * Alerts as Alertmanager sends them to a webhook (version 4), and as it takes them itself.
 * https://prometheus.io/docs/alerting/latest/configuration/#webhook_config
 * https://github.com/prometheus/alertmanager/blob/main/api/v2/openapi.yaml (postAlerts)
 */
import type { FleetId } from "../../protocol/ids.ts";
import { nextStep, valueText } from "./alert-metrics.ts";
import type { Alert } from "./decide.ts";
import type { Telling } from "./what-to-tell.ts";

export interface MessageOptions {
  readonly fleet: FleetId;
  readonly receiver: string;
  /** Of this controller, for links. */
  readonly externalUrl: string;
  readonly nowMs: number;
}

/** The shape of an alert in both. */
function alertOf({ alert, status }: Telling, fleet: FleetId) {
  const { rule, severity, labels, firedMs, sinceMs, resolvedMs } = alert;
  return {
    labels: { ...labelNames(labels), alertname: rule, severity, fleet },
    annotations: { summary: summaryOf(alert), next: alert.next ?? nextStep(alert.metric, labels) },
    startsAt: new Date(firedMs ?? sinceMs).toISOString(),
    endsAt: status === "resolved" && resolvedMs !== null ? new Date(resolvedMs).toISOString() : NO_END,
  };
}

/** What Alertmanager writes where an alert has not ended. */
const NO_END = "0001-01-01T00:00:00Z";

export function webhookMessage(tellings: readonly Telling[], { fleet, receiver, externalUrl }: MessageOptions) {
  const alerts = tellings.map((telling) => ({
    status: telling.status,
    ...alertOf(telling, fleet),
    generatorURL: `${externalUrl}/api/v1/alerts`,
    fingerprint: telling.alert.fingerprint,
  }));
  return {
    version: "4",
    groupKey: `{}:{fleet="${fleet}"}`,
    truncatedAlerts: 0,
    status: tellings.some(({ status }) => status === "firing") ? "firing" : "resolved",
    receiver,
    groupLabels: { fleet },
    commonLabels: commonOf(alerts.map(({ labels }) => labels)),
    commonAnnotations: commonOf(alerts.map(({ annotations }) => annotations)),
    externalURL: externalUrl,
    alerts,
  };
}

/** How long an Alertmanager believes a firing alert that it is not told again: five times the pace of telling. */
const ALERTMANAGER_BELIEVES_MS = 300_000;

export function alertmanagerMessage(tellings: readonly Telling[], { fleet, externalUrl, nowMs }: MessageOptions) {
  return tellings.map((telling) => {
    const alert = alertOf(telling, fleet);
    const endsAt =
      telling.status === "firing" ? new Date(nowMs + ALERTMANAGER_BELIEVES_MS).toISOString() : alert.endsAt;
    return { ...alert, endsAt, generatorURL: `${externalUrl}/api/v1/alerts` };
  });
}

/** `cam-1: device_offline_seconds is 42 min (device-offline, threshold 15 min)`. */
export function summaryOf({ rule, metric, labels, value, threshold }: Alert): string {
  return `${subjectOf(labels)}: ${metric} is ${valueText(metric, value)} (${rule}, threshold ${valueText(metric, threshold)})`;
}

export function subjectOf({ device, model, version, rollout }: Readonly<Record<string, string | undefined>>): string {
  if (device !== undefined && model !== undefined) return `${subjectOf({ model, version })} on ${device}`;
  if (device !== undefined) return device;
  if (rollout !== undefined) return `rollout ${rollout}`;
  if (model !== undefined) return version === undefined ? model : `${model}@${version}`;
  return "fleet";
}

/** Prometheus allows letters, digits and underscores in the names of labels. */
function labelNames(labels: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(
    Object.entries(labels).map(([name, value]) => [
      name.replaceAll(/[^A-Za-z0-9_]/g, "_").replace(/^(\d)/, "_$1"),
      value,
    ]),
  );
}

function commonOf(all: readonly Readonly<Record<string, string>>[]): Record<string, string> {
  const [first = {}, ...others] = all;
  return Object.fromEntries(
    Object.entries(first).filter(([name, value]) => others.every((other) => other[name] === value)),
  );
}
