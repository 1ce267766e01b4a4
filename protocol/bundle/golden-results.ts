/** Holds what a picture or a sound was found to mean against what its publisher expects, and says in a sentence where they differ. */
import type { PredictionResults } from "../prediction-results.ts";
import type { ExpectedResults, ResultTolerance } from "./golden.ts";

/**
 * As far as precisions and processors move the scores of one and the same model: half precision moves a probability by
 * some thousandths, 8-bit weights by some hundredths.
 */
const SCORE_DEFAULT = 0.05;
/** A box of 20 pixels that is moved by one still has nine tenths in common with itself. */
const OVERLAP_DEFAULT = 0.8;
/** Two frames of the voice detectors that are in use. */
const MS_DEFAULT = 64;

type Within = Required<ResultTolerance>;

/** Undefined where all that is expected is found. */
export function resultsDifference(
  caseName: string,
  expected: ExpectedResults,
  actual: PredictionResults,
  { score = SCORE_DEFAULT, overlap = OVERLAP_DEFAULT, ms = MS_DEFAULT }: ResultTolerance = {},
): string | undefined {
  const within = { score, overlap, ms };
  const difference =
    topDifference(expected.top, actual.top, within) ??
    boxesDifference(expected.boxes, actual.boxes, within) ??
    segmentsDifference(expected.segments, actual.segments, within) ??
    textDifference(expected.text, actual.text);
  return difference && `golden case "${caseName}": ${difference}`;
}

function topDifference(
  expected: ExpectedResults["top"],
  actual: PredictionResults["top"],
  { score }: Within,
): string | undefined {
  if (expected === undefined) return undefined;
  if (actual === undefined) return notTold("classes");
  const [best] = actual;
  const [wanted] = expected;
  if (wanted !== undefined && best?.label !== wanted.label) {
    const found = best === undefined ? "no class" : scored(best);
    return `the best class is ${found}, expected ${scored(wanted)}`;
  }
  for (const { label, score: wantedScore } of expected) {
    const got = actual.find((one) => one.label === label);
    if (got === undefined) return `"${label}" is not among the best ${actual.length} classes`;
    if (isApart(got.score, wantedScore, score)) {
      return `"${label}" has the score ${short(got.score)}, expected ${short(wantedScore)} ± ${score}`;
    }
  }
  return undefined;
}

type FoundBox = NonNullable<PredictionResults["boxes"]>[number];
type WantedBox = NonNullable<ExpectedResults["boxes"]>[number];

/** Each expected box takes the one of its label that lies best, and what no box was expected to be is one too many. */
function boxesDifference(
  expected: ExpectedResults["boxes"],
  actual: PredictionResults["boxes"],
  within: Within,
): string | undefined {
  if (expected === undefined) return undefined;
  if (actual === undefined) return notTold("boxes");
  const left = [...actual];
  for (const wanted of expected) {
    const alike = left.filter(({ label }) => wanted.label === undefined || label === wanted.label);
    const best = alike.reduce<FoundBox | undefined>(
      (found, one) => (found === undefined || shared(one, wanted) > shared(found, wanted) ? one : found),
      undefined,
    );
    if (best === undefined || shared(best, wanted) < within.overlap) {
      const nearest =
        best === undefined
          ? `${actual.length} boxes were found, none of them left for it`
          : `the nearest, ${boxText(best)}, has ${Math.round(shared(best, wanted) * 100)} % in common with it, expected ${Math.round(within.overlap * 100)} %`;
      return `there is no box ${boxText(wanted)}: ${nearest}`;
    }
    if (isApart(best.score, wanted.score, within.score)) {
      return `the box ${boxText(wanted)} has the score ${short(best.score)}, expected ${short(wanted.score)} ± ${within.score}`;
    }
    left.splice(left.indexOf(best), 1);
  }
  const [more] = left;
  return more && `a box ${boxText(more)} with the score ${short(more.score)} was found that nobody expects`;
}

function segmentsDifference(
  expected: ExpectedResults["segments"],
  actual: PredictionResults["segments"],
  { ms, score }: Within,
): string | undefined {
  if (expected === undefined) return undefined;
  if (actual === undefined) return notTold("segments");
  if (actual.length !== expected.length) {
    return `${actual.length} segments were found (${actual.map(spanText).join(", ")}), expected ${expected.length}`;
  }
  for (const [at, wanted] of expected.entries()) {
    const got = actual[at];
    if (got === undefined || isApart(got.fromMs, wanted.fromMs, ms) || isApart(got.toMs, wanted.toMs, ms)) {
      return `segment ${at + 1} is ${got === undefined ? "missing" : spanText(got)}, expected ${spanText(wanted)} ± ${ms} ms`;
    }
    if (isApart(got.score, wanted.score, score)) {
      return `segment ${at + 1} has the score ${short(got.score)}, expected ${short(wanted.score)} ± ${score}`;
    }
  }
  return undefined;
}

function textDifference(expected: string | undefined, actual: string | undefined): string | undefined {
  if (expected === undefined || expected === actual) return undefined;
  return actual === undefined
    ? notTold("text")
    : `the text is ${JSON.stringify(actual)}, expected ${JSON.stringify(expected)}`;
}

function notTold(what: string): string {
  return `the model's postprocessing gives no ${what}, which the golden set expects`;
}

/** Intersection over union, 0 to 1. */
function shared({ box: one }: FoundBox, { box: other }: WantedBox): number {
  const width = Math.min(one[2], other[2]) - Math.max(one[0], other[0]);
  const height = Math.min(one[3], other[3]) - Math.max(one[1], other[1]);
  if (width <= 0 || height <= 0) return 0;
  return (width * height) / (areaOf(one) + areaOf(other) - width * height);
}

function areaOf([left, top, right, bottom]: WantedBox["box"]): number {
  return (right - left) * (bottom - top);
}

/** NaN is apart from everything. */
function isApart(got: number, wanted: number | undefined, margin: number): boolean {
  return wanted !== undefined && !(Math.abs(got - wanted) <= margin + ROUNDING);
}

/** 0.93 − 0.88 is not 0.05 in binary: what a person writes as the margin is within it. */
const ROUNDING = 1e-9;

function scored({ label, score }: { readonly label: string; readonly score?: number }): string {
  return score === undefined ? `"${label}"` : `"${label}" (${short(score)})`;
}

function boxText({ label, box }: WantedBox | FoundBox): string {
  const place = `[${box.map((value) => Math.round(value)).join(", ")}]`;
  return label === undefined ? place : `"${label}" ${place}`;
}

function spanText({ fromMs, toMs }: { readonly fromMs: number; readonly toMs: number }): string {
  return `${Math.round(fromMs)} to ${Math.round(toMs)} ms`;
}

function short(value: number | undefined): string {
  return value === undefined ? "none" : String(Number(value.toPrecision(4)));
}
