/** What an experiment can compare: of the records that devices write for each version. */
import { Type, type Static } from "typebox";
import { FIELD_NAME_CHARS_MAX } from "../../protocol/messages/telemetry-batch.ts";

/** In the metric's unit (shares from 0 to 1), or as a share of what A has. */
export const Effect = Type.Object(
  {
    kind: Type.Union([Type.Literal("absolute"), Type.Literal("relative")]),
    value: Type.Number({ exclusiveMinimum: 0, maximum: 1e9 }),
  },
  { additionalProperties: false },
);
export type Effect = Static<typeof Effect>;

export interface ExperimentMetric {
  readonly name: string;
  readonly unit: "share" | "ms" | "as recorded";
  /** Which way is better; `none`: a difference is told, and no verdict rests on it. */
  readonly better: "lower" | "higher" | "none";
  /** What is counted, in the plural. */
  readonly samples: string;
  /** The smallest difference that matters where nobody says: in the metric's unit, or as a share of what A has. */
  readonly effect: Effect;
  /** The bounds are the tightest for about so many samples: a day's experiment on a few devices. */
  readonly tunedTo: number;
  readonly measure: ExperimentMeasure;
  readonly help: string;
}

export type ExperimentMeasure =
  | { readonly kind: "errors" }
  | { readonly kind: "latency"; readonly quantile: number }
  | { readonly kind: "accuracy" }
  | { readonly kind: "absolute-error" }
  | { readonly kind: "confidence" }
  /** Of `inference` records: the only ones that are of one version. */
  | { readonly kind: "field"; readonly field: string };

const REQUESTS_TUNED = 10_000;
const TRUTHS_TUNED = 1_000;
const RECORDS_TUNED = 500;

export const EXPERIMENT_METRICS: readonly ExperimentMetric[] = [
  {
    name: "accuracy",
    unit: "share",
    better: "higher",
    samples: "labelled answers",
    effect: { kind: "absolute", value: 0.01 },
    tunedTo: TRUTHS_TUNED,
    measure: { kind: "accuracy" },
    help: "classes that were right, of those whose truth came as feedback",
  },
  {
    name: "absolute_error",
    unit: "as recorded",
    better: "lower",
    samples: "labelled answers",
    effect: { kind: "relative", value: 0.05 },
    tunedTo: TRUTHS_TUNED,
    measure: { kind: "absolute-error" },
    help: "the mean absolute error of predicted values whose truth came as feedback",
  },
  {
    name: "error_rate",
    unit: "share",
    better: "lower",
    samples: "requests",
    effect: { kind: "absolute", value: 0.005 },
    tunedTo: REQUESTS_TUNED,
    measure: { kind: "errors" },
    help: "requests that the model or its runner failed, of those that it took on",
  },
  latency("latency_p50_ms", 0.5),
  latency("latency_p95_ms", 0.95),
  latency("latency_p99_ms", 0.99),
  {
    name: "confidence",
    unit: "share",
    better: "none",
    samples: "answers",
    effect: { kind: "absolute", value: 0.01 },
    tunedTo: REQUESTS_TUNED,
    measure: { kind: "confidence" },
    help: "how sure answers are of their class, on average; surer is not better by itself",
  },
];

/** What is compared where nobody says. */
export const METRICS_DEFAULT = ["accuracy", "error_rate", "latency_p95_ms"] as const;

function latency(name: string, quantile: number): ExperimentMetric {
  return {
    name,
    unit: "ms",
    better: "lower",
    samples: "requests",
    effect: { kind: "relative", value: 0.05 },
    tunedTo: REQUESTS_TUNED,
    measure: { kind: "latency", quantile },
    help: `time in the model that ${quantile * 100} % of the answered requests stay below`,
  };
}

const FIELD = new RegExp(`^inference\\.([A-Za-z][A-Za-z0-9._-]{0,${FIELD_NAME_CHARS_MAX - 1}})$`);

/** Undefined for one that does not exist. */
export function findExperimentMetric(name: string): ExperimentMetric | undefined {
  const field = FIELD.exec(name)?.[1];
  if (field === undefined) return EXPERIMENT_METRICS.find((metric) => metric.name === name);
  return {
    name,
    unit: "as recorded",
    better: "none",
    samples: "records",
    effect: { kind: "relative", value: 0.05 },
    tunedTo: RECORDS_TUNED,
    measure: { kind: "field", field },
    help: `the mean of ${field} over the inference records of each version`,
  };
}

export function experimentMetricNames(): string {
  return [...EXPERIMENT_METRICS.map(({ name }) => name), "inference.FIELD"].join(", ");
}
