/** How sure an answer is of the class that it chose. Pure. */
import { ProtocolError } from "../../protocol/protocol-error.ts";
import { elementsIn } from "../../protocol/tensor-elements.ts";
import type { Tensor } from "../../protocol/tensor.ts";
import { isScores } from "../inference/slot/agreement.ts";

/** Scores that are looked at for each answer: some 10 µs. */
const SCORES_MAX = 10_000;
/** Rounding of float16 and of sums over a thousand classes. */
const SUM_TOLERANCE = 0.02;

/**
 * The highest probability, 0 to 1, where an output has a score for each class of one example. Scores that are no
 * probabilities are taken for logits: their softmax. Undefined where there are none or more than SCORES_MAX, and where a
 * score is no number.
 */
export function confidenceOf(outputs: readonly Tensor[]): number | undefined {
  const tensor = outputs.find(isScores);
  const scores = tensor === undefined || (tensor.shape.at(-1) ?? 0) > SCORES_MAX ? [] : numbersIn(tensor);
  let [highest, sum, least] = [-Infinity, 0, Infinity];
  for (const score of scores) {
    highest = Math.max(highest, score);
    least = Math.min(least, score);
    sum += score;
  }
  if (scores.length === 0 || !Number.isFinite(sum)) return undefined;
  if (least >= 0 && Math.abs(sum - 1) <= SUM_TOLERANCE) return Math.min(1, highest);
  let total = 0;
  for (const score of scores) total += Math.exp(score - highest);
  return 1 / total;
}

function numbersIn(tensor: Tensor): Float32Array | number[] {
  try {
    const elements = elementsIn(tensor);
    return elements instanceof Float32Array ? elements : Array.from(elements, Number);
  } catch (thrown) {
    if (thrown instanceof ProtocolError) return [];
    throw thrown;
  }
}
