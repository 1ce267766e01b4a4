import { elementsIn } from "../../../protocol/tensor-elements.ts";
import type { Tensor } from "../../../protocol/tensor.ts";
import { ProcessingError } from "../processing-error.ts";

/** The output of this name. Throws ProcessingError where the model did not give it, or it holds no numbers. */
export function outputNamed(outputs: readonly Tensor[], name: string): Tensor {
  const output = outputs.find((tensor) => tensor.name === name);
  if (output === undefined) throw new ProcessingError("bad-output", `The model did not give the output "${name}"`);
  if (output.datatype === "BYTES")
    throw new ProcessingError("bad-output", `The output "${name}" holds texts, not numbers`);
  return output;
}

/** Its elements as numbers; NaN, which no score is, counts as the lowest. */
export function numbersIn(output: Tensor): Float64Array {
  return Float64Array.from(elementsIn(output), (element) => {
    const value = Number(element);
    return Number.isNaN(value) ? -Infinity : value;
  });
}

export function activated(scores: Float64Array, activation: "softmax" | "sigmoid" | undefined): Float64Array {
  if (activation === undefined) return scores;
  if (activation === "sigmoid") return scores.map((score) => 1 / (1 + Math.exp(-score)));
  // Less the largest, so that no power overflows.
  const largest = scores.reduce((most, score) => Math.max(most, score), -Infinity);
  const powers = scores.map((score) => Math.exp(score - largest));
  const sum = powers.reduce((total, power) => total + power, 0);
  return powers.map((power) => power / sum);
}

export function shortScore(score: number): number {
  return Number(score.toPrecision(6));
}

/** Left, top, right, bottom; to a hundredth of a pixel. */
export type Corners = [number, number, number, number];
