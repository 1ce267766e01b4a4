/** What in the figures deserves a person's attention, and what that person does first. */
import type { MetricName } from "./definitions.ts";

export interface AlertRule {
  readonly name: string;
  /** PromQL over the controller's own figures. */
  readonly expression: string;
  /** How long it must hold, so that a restart or a short outage wakes nobody; as Prometheus writes it. */
  readonly for: string;
  readonly severity: "critical" | "warning";
  /** With Prometheus' templates. */
  readonly summary: string;
  readonly next: string;
}

/** A name in an expression, which the compiler holds against the definitions. */
const of = (name: MetricName, matchers = "") => (matchers === "" ? name : `${name}{${matchers}}`);

export const ALERT_RULES: readonly AlertRule[] = [
  {
    name: "ModelferryControllerDown",
    expression: `up{job="modelferry"} == 0`,
    for: "2m",
    severity: "critical",
    summary: "The controller {{ $labels.instance }} does not answer",
    next: "Devices go on serving; nothing is rolled out. On its machine: is `ferry up` running, and what is the end of its log?",
  },
  {
    name: "ModelferryBrokerDisconnected",
    expression: `${of("modelferry_broker_connected")} == 0`,
    for: "2m",
    severity: "critical",
    summary: "The controller has no connection to the broker",
    next: "Devices keep their telemetry. `ferry status` names the broker; see whether it runs and its certificate holds.",
  },
  {
    name: "ModelferryDevicesOffline",
    expression: `${of("modelferry_devices", 'state="offline"')} / ignoring(state) sum without(state) (${of("modelferry_devices")}) > 0.1`,
    for: "10m",
    severity: "warning",
    summary: "{{ $value | humanizePercentage }} of the devices are offline",
    next: "`ferry report fleet` names them: do they share a site or a network?",
  },
  {
    name: "ModelferryRolloutFailing",
    expression: `sum by (rollout, model, version) (${of("modelferry_rollout_devices", 'state="failed"')}) > 0`,
    for: "1m",
    severity: "warning",
    summary:
      "Rollout {{ $labels.rollout }} of {{ $labels.model }}@{{ $labels.version }} failed on {{ $value }} devices",
    next: "`ferry rollout status {{ $labels.rollout }}` says why; the devices serve what they had before.",
  },
  {
    name: "ModelferryTelemetryMissing",
    expression: `${of("modelferry_telemetry_missing_records")} > 0`,
    for: "15m",
    severity: "warning",
    summary: "{{ $value }} telemetry records are neither here nor declared as lost",
    next: "`ferry telemetry accounting` says of which device; `ferry telemetry accounting --verify` counts anew.",
  },
  {
    name: "ModelferryTelemetryLost",
    expression: `delta(${of("modelferry_telemetry_lost_records")}[1h]) > 0`,
    for: "0m",
    severity: "warning",
    summary: "{{ $value | humanize }} telemetry records were declared as lost within an hour",
    next: "`ferry telemetry gaps` says where and why.",
  },
  {
    name: "ModelferryTelemetryProblems",
    expression: `sum by (problem) (increase(${of("modelferry_telemetry_problems_total")}[15m])) > 0`,
    for: "0m",
    severity: "warning",
    summary: "Devices send telemetry that should not be: {{ $labels.problem }}",
    next: "`ferry telemetry problems` names the devices, and what to do about each.",
  },
  {
    name: "ModelferryTelemetryNotStored",
    expression: `increase(${of("modelferry_telemetry_store_failures_total")}[5m]) > 0 or increase(${of("modelferry_telemetry_refused_batches_total")}[5m]) > 0`,
    for: "5m",
    severity: "critical",
    summary: "The controller cannot store telemetry as fast as it comes",
    next: "Devices keep it and send it again. Is the controller's disk full or slow? Its log says what the database answered.",
  },
  {
    name: "ModelferryRollUpFailing",
    expression: `increase(${of("modelferry_telemetry_roll_up_failures_total")}[1h]) > 3`,
    for: "0m",
    severity: "warning",
    summary: "Telemetry is not added up by age: the database grows",
    next: "The controller's log says why; is there room on its disk?",
  },
  {
    name: "ModelferryRootExpires",
    expression: `${of("modelferry_root_expires_timestamp_seconds")} - time() < 14 * 86400`,
    for: "1h",
    severity: "critical",
    summary: "The root of trust ends in {{ $value | humanizeDuration }}: after that, devices install nothing",
    next: "`ferry root renew`, with the owners' keys.",
  },
];
