/** Rates over many windows: of false alarms where nothing has changed, and of changes that are seen. */
import { FALSE_ALARMS, judgeFeature } from "../../controller/drift/judge-feature.ts";
import { believed } from "../../controller/drift/multiple-tests.ts";
import type { FeatureType } from "../../protocol/messages/telemetry-distribution.ts";
import { classes, logNormal, normal, pixel, SampledFeature, shifted, type Population } from "./drift-populations.ts";

/** Examples of a baseline, as `ferry bundle baseline` recommends. */
const REFERENCE_SAMPLES = 1_000;
/** A baseline is itself a sample: each is compared with this many windows, then another is drawn. */
const WINDOWS_OF_REFERENCE = 20;
export const WINDOW_SIZES = [50, 100, 300, 1_000] as const;

const TEN_EVEN = Array.from({ length: 10 }, () => 0.1);
const TEN_UNEVEN = [0.3, 0.2, 0.14, 0.1, 0.08, 0.06, 0.05, 0.04, 0.02, 0.01];

interface Case {
  readonly what: string;
  readonly type: FeatureType;
  readonly before: Population;
  readonly after: Population;
}

const steady = (what: string, type: FeatureType, population: Population): Case => ({
  ...{ what, type },
  ...{ before: population, after: population },
});

export const STEADY: readonly Case[] = [
  steady("normal", "number", normal),
  steady("log-normal", "number", logNormal),
  steady("a pixel, 0 to 16", "number", pixel),
  steady("10 classes, even", "category", classes(TEN_EVEN)),
  steady("10 classes, uneven", "category", classes(TEN_UNEVEN)),
];

export const CHANGED: readonly Case[] = [
  { what: "0.5 σ", type: "number", before: normal, after: shifted(0.5) },
  {
    what: "10 % of the examples change class: 10 → 0 %, 10 → 20 %",
    type: "category",
    before: classes(TEN_EVEN),
    after: classes([0, 0.2, ...TEN_EVEN.slice(2)]),
  },
  {
    what: "one class of ten, 10 → 20 %, the others less",
    type: "category",
    before: classes(TEN_EVEN),
    after: classes([0.2, ...TEN_EVEN.slice(1).map(() => 0.8 / 9)]),
  },
  {
    what: "one class of two, 50 → 60 %",
    type: "category",
    before: classes([0.5, 0.5]),
    after: classes([0.6, 0.4]),
  },
];

export interface Rates {
  /** Of windows with a p-value below FALSE_ALARMS: beyond chance. */
  readonly beyondChance: number;
  /** Of windows that are called drifting: beyond chance, and more than nothing. */
  readonly called: number;
}

export function ratesOf({ type, before, after }: Case, windows: number, size: number, seed: number): Rates {
  const feature = new SampledFeature(type, seed);
  let [beyondChance, called] = [0, 0];
  for (let at = 0; at < windows; at += WINDOWS_OF_REFERENCE) {
    const reference = feature.reference(before, REFERENCE_SAMPLES);
    const more = Math.min(WINDOWS_OF_REFERENCE, windows - at);
    for (let window = 0; window < more; window += 1) {
      const judgement = judgeFeature(type, reference, feature.window(after, size, reference));
      if (judgement.kind === "too-few") continue;
      const { psi, pValue } = judgement.statistics;
      if (pValue < FALSE_ALARMS) beyondChance += 1;
      if (psi > judgement.threshold) called += 1;
    }
  }
  return { beyondChance: beyondChance / windows, called: called / windows };
}

/** Of windows of a version with so many features, all of them steady: the share in which any is called drifting. */
export function anyCalledRate(windows: number, size: number, features: number, seed: number): number {
  const feature = new SampledFeature("number", seed);
  let called = 0;
  let references = Array.from({ length: features }, () => feature.reference(normal, REFERENCE_SAMPLES));
  for (let at = 0; at < windows; at += 1) {
    if (at % WINDOWS_OF_REFERENCE === 0) {
      references = Array.from({ length: features }, () => feature.reference(normal, REFERENCE_SAMPLES));
    }
    const judged = references
      .map((reference) => judgeFeature("number", reference, feature.window(normal, size, reference)))
      .filter((judgement) => judgement.kind === "judged");
    const isBelieved = believed(
      judged.map(({ statistics }) => statistics.pValue),
      FALSE_ALARMS,
    );
    if (judged.some(({ statistics, threshold }, index) => isBelieved[index] === true && statistics.psi > threshold)) {
      called += 1;
    }
  }
  return called / windows;
}
