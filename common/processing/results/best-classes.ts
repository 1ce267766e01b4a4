import { numberOf, type ParameterValues } from "../../../protocol/bundle/parameters.ts";
import type { ClassesResult } from "../../../protocol/bundle/postprocessing.ts";
import { RESULTS_MAX, type ScoredClass } from "../../../protocol/prediction-results.ts";
import type { Tensor } from "../../../protocol/tensor.ts";
import { ProcessingError } from "../processing-error.ts";
import { activated, numbersIn, outputNamed, shortScore } from "./scores.ts";

/** What fits a glance. */
const TOP_COUNT = 5;

/** The best first; of a sound in frames, by the mean over its frames. Throws ProcessingError. */
export function bestClasses(
  entry: ClassesResult,
  frames: readonly (readonly Tensor[])[],
  labels: readonly string[],
  inForce: ParameterValues,
): ScoredClass[] {
  const scores = meanOf(frames.map((outputs) => scoresIn(entry, outputs)));
  const threshold = entry.threshold === undefined ? -Infinity : numberOf(entry.threshold, inForce);
  const count = Math.min(RESULTS_MAX, Math.max(1, Math.round(numberOf(entry.top ?? TOP_COUNT, inForce))));
  return Array.from(scores, (score, index) => ({
    label: labels[index] ?? String(index),
    index,
    score: shortScore(score),
  }))
    .filter(({ score }) => score >= threshold)
    .sort((one, other) => other.score - one.score)
    .slice(0, count);
}

function scoresIn({ output: name, activation }: ClassesResult, outputs: readonly Tensor[]): Float64Array {
  const output = outputNamed(outputs, name);
  if (output.shape.filter((dimension) => dimension !== 1).length > 1) {
    throw new ProcessingError("bad-output", `The output "${name}" [${output.shape.join(", ")}] is no list of classes`);
  }
  return activated(numbersIn(output), activation);
}

function meanOf(frames: readonly Float64Array[]): Float64Array {
  const [first = new Float64Array()] = frames;
  if (frames.length === 1) return first;
  return first.map((_, index) => frames.reduce((sum, frame) => sum + (frame[index] ?? 0), 0) / frames.length);
}
