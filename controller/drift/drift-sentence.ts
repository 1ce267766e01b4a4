import type { DriftVerdict } from "./drift-shape.ts";
import { numberText, SAMPLES_MIN } from "./judge-feature.ts";

/** What a verdict means, and what to do next, for whoever reads it at night. */
export function sentenceOf(verdict: Omit<DriftVerdict, "sentence">): string {
  const {
    slot,
    version,
    feature,
    role,
    state,
    statistics,
    threshold = 0,
    samples,
    untold,
    devices,
    reference,
  } = verdict;
  const model = `${slot}@${version}`;
  if (state === "inconclusive") return whyInconclusive(verdict);
  if (state === "not-measured") return whyNotMeasured(verdict);
  if (statistics === undefined) return `${feature} of ${model} was not compared.`;
  const psi = `psi ${numberText(statistics.psi)}, threshold ${numberText(threshold)}, ${samples} examples`;
  const of = reference === "bundle" ? "the bundle's baseline" : "what this version was given at first";
  if (state === "steady") {
    const unknown = untold === 0 ? "" : `; ${untold} more were only counted, by devices that save data`;
    return `${feature} of ${model} is as in ${of} (${psi}${unknown}).`;
  }
  const where = devices.length === 1 ? `on ${String(devices[0])}` : `on ${devices.length} devices`;
  return `${feature} of ${model} differs from ${of} ${where} (${psi}). ${nextStep(verdict, role, statistics)}`;
}

function nextStep(
  { slot, feature }: Omit<DriftVerdict, "sentence">,
  role: DriftVerdict["role"],
  statistics: NonNullable<DriftVerdict["statistics"]>,
): string {
  const show = `See both histograms: ferry drift show ${slot} '${feature}'.`;
  if (statistics.missing > statistics.referenceMissing + 0.05) {
    return `${percent(statistics.missing)} of the values are no numbers: check the sensor or what prepares its data. ${show}`;
  }
  if ((statistics.unknown ?? 0) > 0.05) {
    return `${percent(statistics.unknown ?? 0)} are categories that the reference does not have. ${show}`;
  }
  if (role === "input") {
    return `${show} Where sensors are in order the world has changed: collect truth (ferry feedback) and consider training anew.`;
  }
  return `${show} Where no input drifts as well, suspect the model or its preprocessing: hold it against truth with ferry accuracy ${slot}.`;
}

/** Silence of devices that save data is no sign of calm. */
function whyNotMeasured({ slot, version, feature, untold, samples }: Omit<DriftVerdict, "sentence">): string {
  const told = samples === 0 ? "" : `, and ${samples} that are told of are too few`;
  return (
    `${feature} of ${slot}@${version} is not measured: ${untold} examples were only counted, since these devices have almost used up ` +
    `their data budget${told}. It is measured again with the next month, or a larger --data-budget.`
  );
}

function whyInconclusive({
  slot,
  version,
  feature,
  samples,
  reference,
  referenceSamples,
}: Omit<DriftVerdict, "sentence">) {
  const of = `${feature} of ${slot}@${version}`;
  if (reference === "none") {
    return `${of} has no reference yet: give the bundle a baseline (ferry bundle baseline), or wait for more examples.`;
  }
  if (samples === 0)
    return `${of}: all examples so far are its reference; what comes from here on is compared with it.`;
  const [few, side] = samples <= referenceSamples ? [samples, "examples"] : [referenceSamples, "reference examples"];
  return `${of}: ${few} ${side} are too few to tell a change from chance; ${SAMPLES_MIN} are needed.`;
}

function percent(share: number): string {
  return `${Math.round(100 * share)} %`;
}
