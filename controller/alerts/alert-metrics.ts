/** What alert rules can be about: name, unit, and what each value is of. */
import { Type, type Static } from "typebox";

export interface AlertMetricDefinition {
  readonly unit: "s" | "ratio" | "°C" | "days" | "count";
  /** The label that tells one value from another. */
  readonly of: "device" | "model" | "rollout" | "fleet";
  readonly help: string;
  /** What to do when it is too high, or too low: {device}, {model}, {rollout} stand for the labels. */
  readonly next: string;
}

export const ALERT_METRICS = {
  device_offline_seconds: {
    unit: "s",
    of: "device",
    help: "How long the device has been away; 0 while it is online.",
    next: "Check its power and network; see `ferry device show {device}`.",
  },
  device_refusal: {
    unit: "count",
    of: "device",
    help: "1 while the device's last report says that it refused a deployment.",
    next: "See why with `ferry device show {device}`.",
  },
  model_missing: {
    unit: "count",
    of: "device",
    help: "Slots that the device is to serve and does not.",
    next: "See each slot's reason with `ferry device show {device}`.",
  },
  disk_free_ratio: {
    unit: "ratio",
    of: "device",
    help: "Free space of the disk that holds the device's bundles and telemetry.",
    next: "Free space there: telemetry is added up, then dropped, when the disk is full. `ferry device show {device}` has its size.",
  },
  temperature_celsius: {
    unit: "°C",
    of: "device",
    help: "Temperature of the processor; most boards throttle from 80 to 85 °C.",
    next: "Check the cooling of {device}; a board that throttles answers late.",
  },
  throttled_ratio: {
    unit: "ratio",
    of: "device",
    help: "Share of the time in which the device holds its clock back, because of heat or a weak power supply.",
    next: "Check the cooling and the power supply of {device}, and what else runs there; it answers late meanwhile.",
  },
  data_budget_used_ratio: {
    unit: "ratio",
    of: "device",
    help: "Of this month's data budget; 1 and more: it is used up, and measurements come once a day.",
    next: "Events and evidence still come. Give {device} a larger `--data-budget`, or wait for the next month.",
  },
  certificate_days_left: {
    unit: "days",
    of: "device",
    help: "Until the device's certificate ends; devices renew it by themselves at two thirds of its life.",
    next: "Is {device} online? It renews by itself when it is; else `ferry device invite {device}`.",
  },
  telemetry_missing_records: {
    unit: "count",
    of: "device",
    help: "Telemetry records that are neither here nor declared as lost.",
    next: "See which with `ferry telemetry accounting --device {device}`.",
  },
  telemetry_lost_records: {
    unit: "count",
    of: "device",
    help: "Telemetry records that were declared as lost in the last hour.",
    next: "See why with `ferry telemetry gaps --device {device}`.",
  },
  error_ratio: {
    unit: "ratio",
    of: "model",
    help: "Requests that failed among all of the last 15 minutes, by model and version; told from 50 requests on.",
    next: "See which kind with `ferry telemetry tail --kind inference`; roll out the version before {model} if it began with this one.",
  },
  latency_p95_ratio: {
    unit: "ratio",
    of: "model",
    help: "95th percentile of the last 15 minutes over that of the 24 hours before, by model and version; told from 50 answers on.",
    next: "Compare devices with `ferry report fleet --window 24h`; heat and other load are the usual reasons.",
  },
  drifting_features: {
    unit: "count",
    of: "model",
    help: "Inputs and outputs of a version that are not as in their reference; read every five minutes.",
    next: "See what changed with `ferry report drift {model}`: check the sensors first, then collect truth (`ferry feedback`).",
  },
  anomalous_example_ratio: {
    unit: "ratio",
    of: "device",
    help: "Share of a device's requests that are unlike the model's baseline, where it is more than chance and the baseline explain; 0 where it is not.",
    next: "See which input with `ferry anomalies {model} --device {device}`: look at the sensor of {device}, and at what prepares its data.",
  },
  unlike_class_features: {
    unit: "count",
    of: "device",
    help: "Inputs and outputs of a model on a device that are not as on the other devices of its hardware class.",
    next: "See which with `ferry drift devices {model}`: look at the sensor of {device} and where it stands, not at the model.",
  },
  runner_crashes: {
    unit: "count",
    of: "model",
    help: "Crashes of a model's runner in the last 15 minutes, by model and version, over all devices.",
    next: "See where with `ferry telemetry tail --kind event`; roll out the version before {model} if it began with this one.",
  },
  rollout_needs_person: {
    unit: "count",
    of: "rollout",
    help: "1 while a rollout has failed, is paused, or waits for an approval.",
    next: "See what it waits for with `ferry rollout status {rollout}`.",
  },
  root_days_left: {
    unit: "days",
    of: "fleet",
    help: "Until the root of trust ends; after that devices install nothing.",
    next: "Let the owners sign the next version: `ferry root renew`, `ferry root sign`, `ferry root publish`.",
  },
} as const satisfies Readonly<Record<string, AlertMetricDefinition>>;

export const AlertMetric = Type.Union([
  Type.Literal("device_offline_seconds"),
  Type.Literal("device_refusal"),
  Type.Literal("model_missing"),
  Type.Literal("disk_free_ratio"),
  Type.Literal("temperature_celsius"),
  Type.Literal("throttled_ratio"),
  Type.Literal("data_budget_used_ratio"),
  Type.Literal("certificate_days_left"),
  Type.Literal("telemetry_missing_records"),
  Type.Literal("telemetry_lost_records"),
  Type.Literal("error_ratio"),
  Type.Literal("latency_p95_ratio"),
  Type.Literal("drifting_features"),
  Type.Literal("anomalous_example_ratio"),
  Type.Literal("unlike_class_features"),
  Type.Literal("runner_crashes"),
  Type.Literal("rollout_needs_person"),
  Type.Literal("root_days_left"),
]);
export type AlertMetric = Static<typeof AlertMetric>;

/** One value of one metric. */
export interface AlertSample {
  readonly metric: AlertMetric;
  /** `device`, or `model` and `version`, or `rollout`; and the device's own labels. */
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

/** The proposal with its labels put in. */
export function nextStep(metric: AlertMetric, labels: Readonly<Record<string, string>>): string {
  return ALERT_METRICS[metric].next.replaceAll(/\{([a-z]+)\}/g, (whole, name: string) => labels[name] ?? whole);
}

export function valueText(metric: AlertMetric, value: number): string {
  switch (ALERT_METRICS[metric].unit) {
    case "s":
      return value < 7_200 ? `${Math.round(value / 60)} min` : `${(value / 3_600).toFixed(1)} h`;
    case "ratio":
      return metric === "latency_p95_ratio" ? `${value.toFixed(2)} times` : `${(100 * value).toFixed(1)} %`;
    case "days":
      return `${Math.floor(value)} days`;
    case "°C":
      return `${Math.round(value)} °C`;
    case "count":
      return String(value);
  }
}
