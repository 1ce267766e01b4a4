/** On from the start. A rule of the same name replaces one; `enabled: false` turns it off. */
import type { AlertRule } from "./alert-rule.ts";

const MINUTE_MS = 60_000;

export const DEFAULT_RULES: readonly AlertRule[] = [
  // The metric counts from when the device went: no further wait.
  rule("device-offline", "device_offline_seconds", ">", 900, 0, "warning"),
  rule("device-refused-deployment", "device_refusal", ">", 0, 0, "critical"),
  // Longer than a large bundle takes over a slow link.
  rule("model-missing", "model_missing", ">", 0, 60 * MINUTE_MS, "warning"),
  rule("errors", "error_ratio", ">", 0.02, 5 * MINUTE_MS, "warning"),
  rule("errors-many", "error_ratio", ">", 0.2, 2 * MINUTE_MS, "critical"),
  rule("latency-against-its-past", "latency_p95_ratio", ">", 1.5, 10 * MINUTE_MS, "warning"),
  rule("crash-loop", "runner_crashes", ">=", 3, 0, "critical"),
  rule("disk-nearly-full", "disk_free_ratio", "<", 0.05, 10 * MINUTE_MS, "warning"),
  rule("hot", "temperature_celsius", ">", 82, 10 * MINUTE_MS, "warning"),
  // A board that is loaded for some minutes throttles for some minutes.
  rule("throttled", "throttled_ratio", ">", 0.2, 30 * MINUTE_MS, "warning"),
  rule("data-budget-used-up", "data_budget_used_ratio", ">=", 1, 0, "warning"),
  // Several readings: one look in a hundred is wrong where nothing has changed.
  rule("drift", "drifting_features", ">", 0, 30 * MINUTE_MS, "warning"),
  // Of each device, where chance is ruled out over the whole fleet.
  rule("anomalies", "anomalous_example_ratio", ">", 0, 30 * MINUTE_MS, "warning"),
  rule("unlike-class", "unlike_class_features", ">", 0, 30 * MINUTE_MS, "warning"),
  // Devices renew a month ahead: at 10 days several tries have failed.
  rule("certificate-ends", "certificate_days_left", "<", 10, 0, "warning"),
  rule("root-ends", "root_days_left", "<", 30, 0, "critical"),
  // What is only on its way settles within this.
  rule("telemetry-missing", "telemetry_missing_records", ">", 0, 15 * MINUTE_MS, "warning"),
  rule("telemetry-lost", "telemetry_lost_records", ">", 0, 0, "note"),
  rule("rollout-needs-person", "rollout_needs_person", ">", 0, 5 * MINUTE_MS, "warning"),
];

function rule(
  name: string,
  metric: AlertRule["metric"],
  is: AlertRule["is"],
  threshold: number,
  forMs: number,
  severity: AlertRule["severity"],
): AlertRule {
  return { name, metric, is, threshold, forMs, severity, enabled: true };
}
