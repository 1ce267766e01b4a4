import { valuesFromTensor } from "../../protocol/tensor-values.ts";
import type { Tensor } from "../../protocol/tensor.ts";

export interface ScoredLabel {
  readonly label: string;
  readonly score: number;
}

/** The labels of one example, the most probable first; empty where there are none, or the output is no list of scores. */
export function bestLabels(output: Tensor | undefined, labels: readonly string[]): readonly ScoredLabel[] {
  if (output === undefined || labels.length === 0) return [];
  const scores = valuesFromTensor(output);
  if (scores.length !== labels.length) return [];
  return scores
    .map((score, at) => ({ label: labels[at] ?? "", score: Number(score) }))
    .sort((one, other) => other.score - one.score);
}
