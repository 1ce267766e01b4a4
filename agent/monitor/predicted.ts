/** What an answer says that the truth can be held against. Pure. */
import { ProtocolError } from "../../protocol/protocol-error.ts";
import { elementsIn } from "../../protocol/tensor-elements.ts";
import type { Tensor } from "../../protocol/tensor.ts";
import { isScores } from "../inference/slot/agreement.ts";

export type Predicted =
  /** The class with the highest score, counted from 0. */
  { readonly kind: "class"; readonly index: number } | { readonly kind: "values"; readonly values: readonly number[] };

/** Of one example: a box, a pose, a forecast of a day by quarters of an hour. Larger outputs are no values that a person labels. */
export const VALUES_MAX = 96;

/**
 * The class where an output has scores of classes of one example, or is one whole number; else the values of the first output
 * of floats that has few. Undefined for anything else, and where a score or a value is no number.
 */
export function predictedOf(outputs: readonly Tensor[]): Predicted | undefined {
  const scores = outputs.find(isScores);
  if (scores !== undefined) return classOf(numbersIn(scores));
  const one = outputs.find(({ datatype, shape }) => datatype.includes("INT") && sizeOf(shape) === 1);
  if (one !== undefined) return wholeNumber(numbersIn(one)[0]);
  const few = outputs.find(({ datatype, shape }) => datatype.startsWith("FP") && sizeOf(shape) <= VALUES_MAX);
  const values = few === undefined ? [] : numbersIn(few);
  return values.length > 0 && values.every(Number.isFinite) ? { kind: "values", values } : undefined;
}

function classOf(scores: readonly number[]): Predicted | undefined {
  if (scores.length === 0 || scores.some(Number.isNaN)) return undefined;
  return { kind: "class", index: scores.indexOf(Math.max(...scores)) };
}

function wholeNumber(value: number | undefined): Predicted | undefined {
  return Number.isSafeInteger(value) ? { kind: "class", index: value ?? 0 } : undefined;
}

function sizeOf(shape: readonly number[]): number {
  return shape.reduce((size, dimension) => size * dimension, 1);
}

function numbersIn(tensor: Tensor): number[] {
  try {
    return Array.from(elementsIn(tensor), Number);
  } catch (thrown) {
    if (thrown instanceof ProtocolError) return [];
    throw thrown;
  }
}
