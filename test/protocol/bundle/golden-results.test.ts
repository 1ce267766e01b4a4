import t from "tap";
import { resultsDifference } from "../../../protocol/bundle/golden-results.ts";
import type { ExpectedResults, ResultTolerance } from "../../../protocol/bundle/golden.ts";
import type { PredictionResults } from "../../../protocol/prediction-results.ts";

interface Case {
  readonly when: string;
  readonly expected: ExpectedResults;
  readonly actual: PredictionResults;
  readonly tolerance?: ResultTolerance;
  /** Absent: the case passes. */
  readonly says?: RegExp;
}

const top = (...scores: readonly [string, number][]) => ({
  top: scores.map(([label, score], index) => ({ label, index, score })),
});
const catAndDog = top(["cat", 0.8], ["dog", 0.2]);
const box = (left: number, label = "cat", score = 0.9) => ({
  label,
  score,
  box: [left, 0, left + 100, 100] as [number, number, number, number],
});

const cases: readonly Case[] = [
  { when: "nothing is expected", expected: {}, actual: catAndDog },
  { when: "only the best label counts", expected: { top: [{ label: "cat" }] }, actual: catAndDog },
  { when: "a score lies on the edge", expected: { top: [{ label: "cat", score: 0.85 }] }, actual: catAndDog },
  {
    when: "a score lies beyond",
    expected: { top: [{ label: "cat", score: 0.851 }] },
    actual: catAndDog,
    says: /"cat" has the score 0\.8, expected 0\.851 ± 0\.05/,
  },
  {
    when: "the publisher allows more",
    expected: { top: [{ label: "cat", score: 0.99 }] },
    actual: catAndDog,
    tolerance: { score: 0.2 },
  },
  {
    when: "another class is the best",
    expected: { top: [{ label: "dog", score: 0.2 }] },
    actual: catAndDog,
    says: /golden case "pet": the best class is "cat" \(0\.8\), expected "dog" \(0\.2\)/,
  },
  {
    when: "no class reaches the model's threshold",
    expected: { top: [{ label: "cat" }] },
    actual: { top: [] },
    says: /the best class is no class, expected "cat"/,
  },
  {
    when: "a later class is missing",
    expected: { top: [{ label: "cat" }, { label: "cow" }] },
    actual: catAndDog,
    says: /"cow" is not among the best 2/,
  },
  { when: "no classes are told", expected: { top: [{ label: "cat" }] }, actual: {}, says: /gives no classes/ },
  {
    when: "a score is no number",
    expected: { top: [{ label: "cat", score: 1 }] },
    actual: top(["cat", NaN]),
    says: /NaN/,
  },
  {
    when: "boxes come in another order",
    expected: { boxes: [box(0), box(500)] },
    actual: { boxes: [box(505), box(3)] },
  },
  {
    when: "a box lies elsewhere",
    expected: { boxes: [box(0)] },
    actual: { boxes: [box(40)] },
    says: /no box "cat" \[0, 0, 100, 100\]: the nearest, "cat" \[40, 0, 140, 100\], has 43 % in common with it, expected 80 %/,
  },
  {
    when: "it may lie there",
    expected: { boxes: [box(0)] },
    actual: { boxes: [box(40)] },
    tolerance: { overlap: 0.4 },
  },
  {
    when: "a box has another label",
    expected: { boxes: [box(0, "dog")] },
    actual: { boxes: [box(0)] },
    says: /no box "dog" .*1 boxes were found, none of them left for it/,
  },
  {
    when: "one box stands for two",
    expected: { boxes: [box(0), box(2)] },
    actual: { boxes: [box(1)] },
    says: /there is no box/,
  },
  {
    when: "there is a box too many",
    expected: { boxes: [] },
    actual: { boxes: [box(0)] },
    says: /was found that nobody expects/,
  },
  {
    when: "a box is less sure",
    expected: { boxes: [box(0)] },
    actual: { boxes: [box(0, "cat", 0.5)] },
    says: /score 0\.5, expected 0\.9/,
  },
  {
    when: "boxes have no labels",
    expected: { boxes: [{ box: [0, 0, 9, 9] }] },
    actual: { boxes: [{ score: 0.3, box: [0, 0, 9, 9] }] },
  },
  {
    when: "segments begin within two frames",
    expected: { segments: [{ fromMs: 1_000, toMs: 2_000 }] },
    actual: { segments: [{ fromMs: 1_064, toMs: 1_936, score: 0.9 }] },
  },
  {
    when: "a segment ends later",
    expected: { segments: [{ fromMs: 1_000, toMs: 2_000 }] },
    actual: { segments: [{ fromMs: 1_000, toMs: 2_065, score: 0.9 }] },
    says: /segment 1 is 1000 to 2065 ms, expected 1000 to 2000 ms ± 64 ms/,
  },
  {
    when: "there are more segments",
    expected: { segments: [] },
    actual: { segments: [{ fromMs: 1, toMs: 2, score: 1 }] },
    says: /1 segments were found \(1 to 2 ms\), expected 0/,
  },
  { when: "a text is read", expected: { text: "HELLO" }, actual: { text: "HELLO" } },
  {
    when: "a text is read wrongly",
    expected: { text: "HELLO" },
    actual: { text: "HELL0" },
    says: /the text is "HELL0", expected "HELLO"/,
  },
];
for (const { when, expected, actual, tolerance, says } of cases) {
  t.test(`${says === undefined ? "a case passes" : "the difference is told"} where ${when}`, async (t) => {
    const difference = resultsDifference("pet", expected, actual, tolerance);
    if (says === undefined) t.equal(difference, undefined);
    else t.match(difference, says);
  });
}
