/** The fields of an Experiment's `spec` as a person writes them, and back. */
import { anyText, listOf, mapOf, shown, type Place, type Reader } from "../rollout/document-reader.ts";
import { shareText, spanText } from "../rollout/human-values.ts";
import { bundle, defined, deviceId, share, span } from "../rollout/rollout-fields.ts";
import { Compile } from "typebox/compile";
import { ModelVersion } from "../../protocol/ids.ts";
import { metricFrom } from "./experiment-from-flags.ts";
import { findExperimentMetric } from "./experiment-metrics.ts";
import {
  ExperimentName,
  experimentMistake,
  type AskedMetric,
  type ExperimentRequest,
  type ExperimentSpec,
} from "./experiment-spec.ts";

const isVersion = Compile(ModelVersion);
const isName = Compile(ExperimentName);

const version: Reader<ModelVersion> = (value, place) =>
  isVersion.Check(value) ? value : place.refuse(`${shown(value)} is not a version; put it into quotation marks`);

const metricFields = mapOf({ metric: anyText, effect: (value) => value }, ["metric"]);

/** `accuracy`, or `{ metric: accuracy, effect: 1% }`. */
const metric: Reader<AskedMetric> = (value, place) => {
  if (typeof value === "string") return { metric: value };
  const { metric: name, effect } = metricFields(value, place) ?? {};
  if (name === undefined) return null;
  if (effect === undefined) return { metric: name };
  if (typeof effect === "number" && effect > 0) return { metric: name, effect: { kind: "absolute", value: effect } };
  if (typeof effect === "string" && /^[0-9.]+\s?%$/.test(effect)) return metricFrom(`${name}:${effect}`);
  return place.child("effect").refuse(`${shown(effect)} is neither a number above 0 nor a share such as 1%`);
};

const experimentFields = mapOf(
  {
    bundle,
    against: version,
    selector: anyText,
    devices: listOf(deviceId),
    share,
    metrics: listOf(metric),
    duration: span,
    confidence: share,
  },
  ["bundle"],
);

/** `name` is the document's own, from its metadata. */
export function readExperimentFields(value: unknown, place: Place, name: string): ExperimentRequest | null {
  const fields = experimentFields(value, place);
  if (!isName.Check(name))
    return place.refuse(`${shown(name)} is not a name: lower-case letters, digits, . and -, at most 50`);
  if (fields?.bundle === undefined) return null;
  const { bundle: subject, against, selector, devices, share: part, metrics, duration, confidence } = fields;
  const request = defined({
    ...subject,
    name,
    against,
    selector,
    devices: devices && [...devices],
    share: part,
    metrics: metrics && [...metrics],
    durationMs: duration,
    alpha: confidence === undefined ? undefined : Number((1 - confidence).toFixed(6)),
  });
  const wrong = experimentMistake(request);
  return wrong === undefined ? request : place.refuse(wrong);
}

/** As `readExperimentFields` reads it. */
export function experimentFieldsOf(spec: ExperimentSpec): object {
  const { model, version: candidate, against, selector, devices, share: part, metrics, durationMs, alpha } = spec;
  return {
    bundle: `${model}@${candidate}`,
    ...(against === undefined ? {} : { against }),
    ...(devices === undefined ? { selector: selector ?? "" } : { devices }),
    share: shareText(part),
    metrics: metrics.map(metricField),
    duration: spanText(durationMs),
    confidence: shareText(1 - alpha),
  };
}

function metricField({ metric: name, effect }: AskedMetric): string | object {
  if (effect === undefined) return name;
  const isShare = effect.kind === "relative" || findExperimentMetric(name)?.unit === "share";
  return { metric: name, effect: isShare ? shareText(effect.value) : effect.value };
}
