/** What a gate can be about: the metrics that devices measure, with their units and the limits that make sense of each. */
import type { RecordKind } from "../../protocol/messages/telemetry-batch.ts";
import type { Gate } from "./rollout-spec.ts";

export type GateLimit = "max" | "min" | "maxRatio";

/** How a metric is counted; see `gates.ts`. */
export type GateMeasure =
  | { readonly kind: "errors"; readonly against: "nothing" | "replaced" }
  /** `quantile` of the time in the model, of answered requests. */
  | { readonly kind: "latency"; readonly quantile: number }
  | { readonly kind: "agreement" }
  /** Of the truth that came as feedback. */
  | { readonly kind: "accuracy" }
  | { readonly kind: "crashes" }
  /** Of distributions, against the bundle's baseline; see `judge-drift-gate.ts`. */
  | { readonly kind: "drift" }
  /** The mean of a numeric field of telemetry records. */
  | { readonly kind: "field"; readonly record: RecordKind; readonly field: string };

export interface GateMetric {
  readonly name: string;
  readonly unit: "share" | "ms" | "per hour" | "as recorded";
  readonly limits: readonly GateLimit[];
  /** What `minSamples` counts, in the plural. */
  readonly samples: string;
  /** The least samples for a verdict where the gate names none. */
  readonly minSamples: number;
  readonly help: string;
  readonly measure: GateMeasure;
}

/** Half a per cent of them is one: with fewer, an error rate is a guess. */
const REQUESTS_MIN = 200;
/** A minute of each of two devices, at one comparison a second and a little more. */
const COMPARISONS_MIN = 200;
/** People label slowly: a hundred tell 90 % from 80 %. */
const TRUTHS_MIN = 100;
/** Seconds that a device served: ten minutes. */
const SERVED_SECONDS_MIN = 600;
/** Records of one field: five minutes of health from two devices. */
const RECORDS_MIN = 20;

export const DRIFT_PSI = "drift_psi";
/** Examples of the feature that is furthest from its limit: a shift of half a standard deviation shows in 300. */
export const DRIFT_EXAMPLES_MIN = 200;

export const GATE_METRICS: readonly GateMetric[] = [
  {
    name: "error_rate",
    unit: "share",
    limits: ["max", "maxRatio"],
    samples: "requests",
    minSamples: REQUESTS_MIN,
    help: "requests that the model or its runner failed, of those that it took on; mistakes of the caller do not count",
    measure: { kind: "errors", against: "nothing" },
  },
  {
    name: "error_rate_increase",
    unit: "share",
    limits: ["max"],
    samples: "requests",
    minSamples: REQUESTS_MIN,
    help: "by how much more requests fail or are turned away than with the version replaced on the same devices: 0.01 is from 2 % to 3 %",
    measure: { kind: "errors", against: "replaced" },
  },
  latency("latency_p50_ms", 0.5),
  latency("latency_p95_ms", 0.95),
  latency("latency_p99_ms", 0.99),
  {
    name: "agreement_top1",
    unit: "share",
    limits: ["min"],
    samples: "comparisons",
    minSamples: COMPARISONS_MIN,
    help: "requests that the version and the one it replaced, asked on the device while it soaks, answer alike",
    measure: { kind: "agreement" },
  },
  {
    name: "accuracy",
    unit: "share",
    limits: ["min"],
    samples: "predictions with their truth",
    minSamples: TRUTHS_MIN,
    help: "classes that were right, of those whose truth came as feedback while the stage lasts",
    measure: { kind: "accuracy" },
  },
  {
    name: "crashes",
    unit: "per hour",
    limits: ["max", "maxRatio"],
    samples: "device seconds",
    minSamples: SERVED_SECONDS_MIN,
    help: "runner processes that ended by themselves, per hour of one device",
    measure: { kind: "crashes" },
  },
  {
    name: DRIFT_PSI,
    unit: "as recorded",
    limits: ["max"],
    samples: "examples",
    minSamples: DRIFT_EXAMPLES_MIN,
    help: "how much inputs and outputs differ from the bundle's baseline, of the feature that differs most; calibrated: more than chance explains",
    measure: { kind: "drift" },
  },
];

function latency(name: string, quantile: number): GateMetric {
  return {
    name,
    unit: "ms",
    limits: ["max", "maxRatio"],
    samples: "requests",
    minSamples: REQUESTS_MIN,
    help: `time in the model that ${quantile * 100} % of the answered requests stay below; maxRatio: against each device's own former time`,
    measure: { kind: "latency", quantile },
  };
}

/** As `telemetry:health.temperatureCelsius`. */
const FIELD = /^telemetry:([a-z]+)\.([A-Za-z][A-Za-z0-9._-]{0,63})$/;

export type FoundMetric =
  | { readonly kind: "metric"; readonly metric: GateMetric }
  /** A sentence for a person, with the metrics that there are. */
  | { readonly kind: "refused"; readonly why: string };

export function findMetric(name: string): FoundMetric {
  const known = GATE_METRICS.find((metric) => metric.name === name);
  if (known !== undefined) return { kind: "metric", metric: known };
  const [, record, field] = FIELD.exec(name) ?? [];
  const kind = RECORD_KINDS.find((other) => other === record);
  if (field === undefined) return { kind: "refused", why: `there is no metric "${name}"; there are ${metricNames()}` };
  if (kind === undefined) {
    const kinds = RECORD_KINDS.join(", ");
    return { kind: "refused", why: `there are no telemetry records of kind "${record}"; there are ${kinds}` };
  }
  return { kind: "metric", metric: fieldMetric(name, kind, field) };
}

/** What is wrong with a gate, in words; undefined where nothing is. */
export function gateMistake(gate: Gate): string | undefined {
  const found = findMetric(gate.metric);
  if (found.kind === "refused") return found.why;
  const { name, limits, unit, measure } = found.metric;
  if (measure.kind === "drift") {
    if (gate.min !== undefined || gate.maxRatio !== undefined) return `"${name}" takes max or calibrated`;
    if (gate.max !== undefined && gate.max <= 0) return `the limit of "${name}" is not above 0`;
    return (gate.max === undefined) === (gate.calibrated === undefined)
      ? `the gate on "${name}" needs one limit: calibrated: true, or max`
      : undefined;
  }
  if (gate.calibrated !== undefined) return `"${name}" has no calibrated limit: give ${limits.join(" or ")}`;
  const given = (["max", "min", "maxRatio"] as const).filter((limit) => gate[limit] !== undefined);
  if (given.length === 0) return `the gate on "${name}" has no limit: give ${limits.join(" or ")}`;
  const wrong = given.find((limit) => !limits.includes(limit));
  if (wrong !== undefined) return `"${name}" takes ${limits.join(" or ")}, not ${wrong}`;
  const bounds = [gate.max, gate.min].filter((bound) => bound !== undefined);
  if (unit === "share" && bounds.some((bound) => bound < 0 || bound > 1)) {
    return `the limit of "${name}" is a share: from 0 to 1, or 0% to 100%`;
  }
  if (unit !== "as recorded" && bounds.some((bound) => bound < 0)) return `the limit of "${name}" is below 0`;
  return undefined;
}

/** Gaps count what is missing; every other kind of record measures something. */
const RECORD_KINDS: readonly RecordKind[] = ["health", "inference", "event"];

function metricNames(): string {
  return [...GATE_METRICS.map(({ name }) => name), "telemetry:KIND.FIELD"].join(", ");
}

function fieldMetric(name: string, record: RecordKind, field: string): GateMetric {
  return {
    name,
    unit: "as recorded",
    limits: ["max", "min", "maxRatio"],
    samples: "records",
    minSamples: RECORDS_MIN,
    help: `the mean of ${field} over the ${record} records`,
    measure: { kind: "field", record, field },
  };
}
