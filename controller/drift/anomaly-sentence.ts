import type { AnomalyVerdict } from "./anomaly-shape.ts";
import { numberText } from "./judge-feature.ts";

/** Examples from which a rate is spoken of: of fewer, one anomaly is more than expected. */
export const ANOMALY_EXAMPLES_MIN = 50;

/** What a verdict means, and what to do next, for whoever reads it at night. */
export function anomalySentence(verdict: Omit<AnomalyVerdict, "sentence">): string {
  const { slot, version, device, devices, state, examples, anomalous, expectedShare = 0, farthest } = verdict;
  const where = device === undefined ? `on ${devices === 1 ? "one device" : `${devices} devices`}` : `on ${device}`;
  const of = `${slot}@${version} ${where}`;
  if (state === "not-scored") {
    return `${of}: nothing says what is unusual: give the bundle a baseline of 200 samples or more (ferry bundle baseline), and sign it anew.`;
  }
  if (state === "inconclusive") {
    return expectedShare === 0
      ? `${of}: the bundle of this version is not in the catalogue, so nobody knows how many anomalies are normal.`
      : `${of}: ${examples} examples are too few to speak of a rate; ${ANOMALY_EXAMPLES_MIN} are needed.`;
  }
  const share = `${percent(anomalous / Math.max(1, examples))} of ${examples} examples are unusual, ${percent(expectedShare)} is normal`;
  if (state === "usual") return `${of}: ${share}.`;
  const [first] = farthest;
  const mostly =
    first === undefined
      ? ""
      : ` Mostly ${first.feature} is far from normal: ferry drift show ${slot} '${first.feature}'.`;
  const next =
    device === undefined
      ? ` Which devices: ferry anomalies ${slot}@${version}.`
      : " Look at its sensor, and at what prepares its data; are they in order, the model is asked what it was not made for.";
  return `${of}: ${share}.${mostly}${next}`;
}

function percent(share: number): string {
  return `${numberText(100 * share)} %`;
}
