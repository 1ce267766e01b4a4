/** What an experiment is to do, in the one form that HTTP carries and the database keeps. */
import { Type, type Static } from "typebox";
import { EXIT, FerryError } from "../../common/ferry-error.ts";
import { DeviceId, ModelName, ModelVersion } from "../../protocol/ids.ts";
import { spanText } from "../rollout/human-values.ts";
import { DEVICES_LISTED_MAX, SELECTOR_CHARS_MAX } from "../rollout/rollout-spec.ts";
import { nearestWord } from "../nearest-word.ts";
import {
  Effect,
  EXPERIMENT_METRICS,
  experimentMetricNames,
  findExperimentMetric,
  METRICS_DEFAULT,
} from "./experiment-metrics.ts";

/** Room for the prefix that its rollout's name has. */
export const ExperimentName = Type.String({ pattern: "^[a-z0-9][a-z0-9.-]{0,49}$" });

/** Each has its part of what may go wrong: with more, none could show anything. */
const METRICS_MAX = 10;
/** Shorter than it takes to see anything, and longer than anybody keeps two versions. */
export const DURATION_MS_MIN = 60_000;
export const DURATION_MS_MAX = 28 * 86_400_000;
/** A week has every day's traffic once. */
const DURATION_MS = 7 * 86_400_000;
const SHARE = 0.5;
/** One verdict in twenty experiments without any difference, as everywhere. */
const ALPHA = 0.05;

const AskedMetric = Type.Object(
  /** `effect`: the smallest difference that matters. */
  { metric: Type.String({ minLength: 1, maxLength: 100 }), effect: Type.Optional(Effect) },
  { additionalProperties: false },
);
export type AskedMetric = Static<typeof AskedMetric>;

export const ExperimentSpec = Type.Object(
  {
    name: ExperimentName,
    model: ModelName,
    /** B. */
    version: ModelVersion,
    /** A; absent: the one version that all its devices serve. */
    against: Type.Optional(ModelVersion),
    /** Exactly one of `selector` (empty: every device) and `devices` is there. */
    selector: Type.Optional(Type.String({ maxLength: SELECTOR_CHARS_MAX })),
    devices: Type.Optional(Type.Array(DeviceId, { minItems: 1, maxItems: DEVICES_LISTED_MAX })),
    /** Of the requests, that B answers. */
    share: Type.Number({ exclusiveMinimum: 0, exclusiveMaximum: 1 }),
    metrics: Type.Array(AskedMetric, { minItems: 1, maxItems: METRICS_MAX }),
    /** It ends by itself after this long, and A is kept. */
    durationMs: Type.Integer({ minimum: DURATION_MS_MIN, maximum: DURATION_MS_MAX }),
    /** How often a verdict may be wrong, over all metrics and however often one looks. */
    alpha: Type.Number({ minimum: 0.0001, maximum: 0.5 }),
  },
  { additionalProperties: false },
);
export type ExperimentSpec = Static<typeof ExperimentSpec>;

/** What it leaves out has a default. */
export const ExperimentRequest = Type.Object(
  { ...Type.Partial(ExperimentSpec).properties, model: ModelName, version: ModelVersion },
  { additionalProperties: false },
);
export type ExperimentRequest = Static<typeof ExperimentRequest>;

/** Throws `bad-experiment` with what is wrong. */
export function completeExperiment(request: ExperimentRequest): ExperimentSpec {
  const wrong = experimentMistake(request);
  if (wrong === undefined) return withDefaults(request);
  throw new FerryError("bad-experiment", `This experiment makes no sense: ${wrong}`, {
    hint: "Nothing was changed. `ferry experiment create --help` has examples.",
    exitCode: EXIT.usage,
  });
}

/** What is wrong with it, in words; undefined where nothing is. */
export function experimentMistake(request: ExperimentRequest): string | undefined {
  return mistakeIn(withDefaults(request));
}

function withDefaults(request: ExperimentRequest): ExperimentSpec {
  const { model, version, selector, devices } = request;
  return {
    name: nameFor(model, version),
    ...request,
    ...(selector === undefined && devices === undefined ? { selector: "" } : {}),
    share: request.share ?? SHARE,
    metrics: request.metrics ?? METRICS_DEFAULT.map((metric) => ({ metric })),
    durationMs: request.durationMs ?? DURATION_MS,
    alpha: request.alpha ?? ALPHA,
  };
}

/** `digits-1.1.0`: what people would call it. */
export function nameFor(model: ModelName, version: ModelVersion): string {
  return `${model}-${version}`
    .toLowerCase()
    .replaceAll(/[^a-z0-9.-]/g, "-")
    .slice(0, 50);
}

function mistakeIn({
  selector,
  devices,
  share,
  metrics,
  against,
  version,
  durationMs,
  alpha,
}: ExperimentSpec): string | undefined {
  if (selector !== undefined && devices !== undefined) return "give either a selector or devices, not both";
  if (against === version) return `A and B are both ${version}: an experiment of a version with itself shows nothing`;
  if (durationMs < DURATION_MS_MIN || durationMs > DURATION_MS_MAX) {
    return `it may last from ${spanText(DURATION_MS_MIN)} to ${spanText(DURATION_MS_MAX)}`;
  }
  if (!(share > 0 && share < 1)) return "the share of B is between 0% and 100%, and neither";
  if (!(alpha > 0 && alpha <= 0.5)) return "the confidence is at least 50% and below 100%";
  const names = metrics.map(({ metric }) => metric);
  const double = names.find((name, at) => names.indexOf(name) < at);
  if (double !== undefined) return `${double} is there twice`;
  return metrics.flatMap((asked) => metricMistake(asked) ?? [])[0];
}

function metricMistake({ metric: name, effect }: AskedMetric): string | undefined {
  const metric = findExperimentMetric(name);
  if (metric === undefined) {
    const meant = nearestWord(
      name,
      EXPERIMENT_METRICS.map((one) => one.name),
    );
    return `there is no metric "${name}"${meant === undefined ? "" : `; did you mean ${meant}?`} There are ${experimentMetricNames()}`;
  }
  if (effect === undefined || metric.unit !== "share") return undefined;
  if (effect.kind === "relative" || effect.value >= 1)
    return `the effect of ${name} is in points of a hundred, such as 1%`;
  return undefined;
}
