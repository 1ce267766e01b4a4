/** OIP v2, classification extension: the best classes of an output as texts, instead of its numbers. */
import { elementsIn } from "../../protocol/tensor-elements.ts";
import { tensorFromValues } from "../../protocol/tensor-values.ts";
import type { Tensor } from "../../protocol/tensor.ts";
import { HttpError } from "./http-answer.ts";

/**
 * `value:index` or `value:index:label` of the `count` highest elements of each example, highest first: BYTES [batch, count],
 * or [count] for an output without a batch. Throws HttpError 400 where the output holds no numbers.
 */
export function classify(tensor: Tensor, count: number, labels: readonly string[]): Tensor {
  const { name, datatype, shape } = tensor;
  if (datatype === "BYTES" || datatype === "BOOL") {
    throw new HttpError(400, `Output "${name}" is ${datatype}: only numbers can be asked for as classes`);
  }
  const scores = Array.from(elementsIn(tensor), Number);
  const batch = shape.length > 1 ? (shape[0] ?? 1) : 1;
  const classes = batch === 0 ? 0 : scores.length / batch;
  const shown = Math.min(count, classes);
  const texts = Array.from({ length: batch }, (_, at) =>
    best(scores.slice(at * classes, (at + 1) * classes), shown).map(({ score, index }) => {
      const label = labels[index];
      return `${score.toFixed(6)}:${index}${label === undefined ? "" : `:${label}`}`;
    }),
  );
  return tensorFromValues(
    { name, datatype: "BYTES", shape: shape.length > 1 ? [batch, shown] : [shown] },
    texts.flat(),
  );
}

function best(scores: readonly number[], count: number): { score: number; index: number }[] {
  return scores
    .map((score, index) => ({ score, index }))
    .sort((one, other) => other.score - one.score)
    .slice(0, count);
}
