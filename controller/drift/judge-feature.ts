/** Whether one feature has drifted, by itself. Pure. */
import type { ToldDistribution } from "../../protocol/distribution-sum.ts";
import type { FeatureType } from "../../protocol/messages/telemetry-distribution.ts";
import { pairedCategories, pairedValues, quantileBins } from "./bins.ts";
import { chiSquareAbove, chiSquareQuantile } from "./chi-square.ts";
import type { DriftBin, DriftStatistics } from "./drift-shape.ts";
import {
  chiSquare,
  jensenShannon,
  kolmogorovSmirnov,
  populationStability,
  total,
  wasserstein,
  type PairedCounts,
} from "./statistics.ts";

/** The share of windows without any drift in which a single feature is called drifting. */
export const FALSE_ALARMS = 0.01;
/**
 * A smaller psi matters to nobody, however sure it is: with a million examples everything differs. Of a number 0.1 is a shift by a
 * third of a standard deviation. Of classes 0.02 is five points of one in ten, or seven of one in two: at 0.1 a class that
 * goes from 10 to 20 % would pass, however many examples there are.
 */
const PSI_MIN: Readonly<Record<FeatureType, number>> = { number: 0.1, category: 0.02 };
/** On each side: five in each of ten bins, from where on χ² holds (Cochran 1954). */
export const SAMPLES_MIN = 50;

/** What is known of one feature on one side. */
export type Distribution = ToldDistribution;

export type FeatureJudgement =
  | { readonly kind: "judged"; readonly statistics: DriftStatistics; readonly threshold: number }
  /** Too few examples on one side. */
  | { readonly kind: "too-few" };

export function judgeFeature(type: FeatureType, reference: Distribution, current: Distribution): FeatureJudgement {
  if (reference.count < SAMPLES_MIN || current.count < SAMPLES_MIN) return { kind: "too-few" };
  const bins = binsOf(type, reference, current);
  const counts: PairedCounts = { reference: bins.map((bin) => bin.reference), current: bins.map((bin) => bin.current) };
  const psi = populationStability(counts);
  const noise = 1 / total(counts.current) + 1 / total(counts.reference);
  const degrees = bins.length - 1;
  const tested = chiSquare(counts);
  return {
    kind: "judged",
    // Without drift psi / (1/n + 1/m) is distributed as χ².
    threshold: calibratedThreshold(type, noise, degrees),
    statistics: {
      psi,
      pValue: chiSquareAbove(psi / noise, degrees),
      jensenShannon: jensenShannon(counts),
      chiSquare: tested.statistic,
      chiSquarePValue: tested.pValue,
      ...(type === "number" ? numberStatistics(reference, current) : unknownShare(reference, current)),
      missing: current.missing / current.count,
      referenceMissing: reference.missing / reference.count,
    },
  };
}

/** `noise`: 1/n + 1/m. A limit that does not know the number of samples is wrong: with n = 100, psi > 0.1 in a third of all windows. */
export function calibratedThreshold(type: FeatureType, noise: number, degrees: number): number {
  return Math.max(PSI_MIN[type], noise * chiSquareQuantile(1 - FALSE_ALARMS, degrees));
}

/** Missing values are a bin of their own where either side has some. */
export function binsOf(type: FeatureType, reference: Distribution, current: Distribution): readonly DriftBin[] {
  const bins = type === "number" ? numberBins(reference, current) : categoryBins(reference, current);
  const isMissing = reference.missing + current.missing > 0;
  return isMissing ? [...bins, { name: "(missing)", reference: reference.missing, current: current.missing }] : bins;
}

function numberBins(reference: Distribution, current: Distribution): readonly DriftBin[] {
  return quantileBins(pairedValues(reference.values, current.values)).map(({ from, to, ...counts }) => ({
    name: from === to ? numberText(from) : `${numberText(from)} – ${numberText(to)}`,
    from,
    to,
    ...counts,
  }));
}

function categoryBins(reference: Distribution, current: Distribution): readonly DriftBin[] {
  const paired = pairedCategories(reference.categories, current.categories);
  return paired.names
    .map((name, at) => ({ name, reference: paired.reference[at] ?? 0, current: paired.current[at] ?? 0 }))
    .filter((bin) => bin.reference + bin.current > 0);
}

function numberStatistics(reference: Distribution, current: Distribution) {
  const values = pairedValues(reference.values, current.values);
  const tested = kolmogorovSmirnov(values);
  return {
    kolmogorovSmirnov: tested.statistic,
    kolmogorovSmirnovPValue: tested.pValue,
    wasserstein: wasserstein(values),
  };
}

function unknownShare(reference: Distribution, current: Distribution) {
  return { unknown: pairedCategories(reference.categories, current.categories).unknown / Math.max(1, current.count) };
}

export function numberText(value: number): string {
  return String(Number(value.toPrecision(3)));
}
