/** The detectors of a baseline, from its samples. Pure: the same samples give the same detectors. */
import type { Detectors } from "../../protocol/bundle/baseline.ts";
import { AnomalyScorer, SCORE_MAX, type AnomalyScores } from "../../protocol/features/anomaly-scorer.ts";
import { inverseFactor, meanOf } from "./inverse-factor.ts";

/** The values of one numeric input, sample by sample. */
export interface InputValues {
  readonly name: string;
  readonly values: readonly number[];
}

/** At most this share of examples like the samples is called anomalous by each detector. */
export const ANOMALY_FALSE_ALARMS = 0.01;
/** A hundredth needs a hundred samples to be set by, and as many others to take centres and scales from. */
export const DETECTOR_SAMPLES_MIN = 200;
/** A median absolute deviation times this is the standard deviation of a normal distribution. */
const DEVIATION_OF_MAD = 1.4826;
/** Of a feature that never changed: this share of its value, where no other feature tells a scale. */
const CONSTANT_SCALE = 0.01;

/** Undefined where there are too few samples, or no features. */
export function makeDetectors(inputs: readonly InputValues[]): Detectors | undefined {
  const samples = inputs[0]?.values.length ?? 0;
  if (samples < DETECTOR_SAMPLES_MIN) return undefined;
  // One half describes and the other sets the thresholds, which then hold for what comes whatever its distribution (split
  // conformal prediction: Papadopoulos et al., ECML 2002). By turns, since files of samples are often sorted.
  const half = (odd: 0 | 1) =>
    inputs.map(({ name, values }) => ({ name, values: values.filter((_, at) => at % 2 === odd) }));
  const [fitted, held] = [half(0), half(1)];
  const features = described(fitted);
  const calibratedWith = held[0]?.values.length ?? 0;
  const open = { features, falseAlarms: ANOMALY_FALSE_ALARMS, calibratedWith, robustZ: { threshold: SCORE_MAX } };
  const whitening = features.length < 2 ? undefined : whiteningOf(fitted, features);
  const detectors: Detectors = {
    ...open,
    ...(whitening === undefined ? {} : { mahalanobis: { threshold: SCORE_MAX, ...whitening } }),
  };
  const scores = scoresOf(detectors, held);
  const robustZ = { threshold: thresholdOf(scores.map((score) => score.robustZ)) };
  if (whitening === undefined) return { ...open, robustZ };
  const threshold = thresholdOf(scores.map(({ mahalanobis = SCORE_MAX }) => mahalanobis));
  return { ...open, robustZ, mahalanobis: { threshold, ...whitening } };
}

/** The score that at most the share ANOMALY_FALSE_ALARMS of further examples passes: the ⌈(n + 1)(1 − α)⌉-th smallest. */
function thresholdOf(scores: readonly number[]): number {
  const ascending = scores.toSorted((a, b) => a - b);
  const rank = Math.ceil((scores.length + 1) * (1 - ANOMALY_FALSE_ALARMS));
  // Rounded up: the samples that set it are not beyond it.
  return roundedUp(ascending[rank - 1] ?? SCORE_MAX);
}

function described(inputs: readonly InputValues[]): Detectors["features"] {
  const found = inputs.map(({ name, values }) => ({ name, centre: medianOf(values), scale: scaleOf(values) }));
  const least = found.reduce((smallest, { scale }) => (scale > 0 ? Math.min(smallest, scale) : smallest), Infinity);
  return found.map(({ name, centre, scale }) => {
    const ofConstant = Number.isFinite(least) ? least : CONSTANT_SCALE * Math.max(1, Math.abs(centre));
    return { name, centre: rounded(centre), scale: rounded(scale > 0 ? scale : ofConstant) };
  });
}

/** Where more than half of the values are one, as of a pixel at the edge, the median deviation is 0: the standard deviation then. */
function scaleOf(values: readonly number[]): number {
  const median = medianOf(values);
  const deviation = DEVIATION_OF_MAD * medianOf(values.map((value) => Math.abs(value - median)));
  if (deviation > 0) return deviation;
  const mean = meanOf(values);
  return Math.sqrt(meanOf(values.map((value) => (value - mean) ** 2)));
}

function whiteningOf(inputs: readonly InputValues[], features: Detectors["features"]) {
  const columns = inputs.map(({ values }, at) => {
    const { centre = 0, scale = 1 } = features[at] ?? {};
    return values.map((value) => (value - centre) / scale);
  });
  const { factor, offset } = inverseFactor(columns);
  return { factor: factor.map(rounded), offset: offset.map(rounded) };
}

function scoresOf(detectors: Detectors, inputs: readonly InputValues[]): readonly AnomalyScores[] {
  const scorer = new AnomalyScorer(detectors);
  return Array.from({ length: detectors.calibratedWith }, (_, at) => {
    for (const { name, values } of inputs) scorer.tell(name, values[at]);
    return scorer.take();
  });
}

function medianOf(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor((values.length - 1) / 2)] ?? 0;
}

/** Six digits: what a device computes in single precision has no more. */
function rounded(value: number): number {
  return Number(value.toPrecision(6));
}

function roundedUp(value: number): number {
  const near = rounded(value);
  return near >= value ? near : rounded(near * (1 + 5e-6));
}
