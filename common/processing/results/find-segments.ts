import { numberOf, type ParameterValues } from "../../../protocol/bundle/parameters.ts";
import type { SegmentsResult } from "../../../protocol/bundle/postprocessing.ts";
import { RESULTS_MAX, type Segment } from "../../../protocol/prediction-results.ts";
import type { Tensor } from "../../../protocol/tensor.ts";
import { ProcessingError } from "../processing-error.ts";
import { numbersIn, outputNamed, shortScore } from "./scores.ts";

/** From when to when the score of a sound's frames was high, in order. Throws ProcessingError. */
export function findSegments(
  entry: SegmentsResult,
  frames: readonly (readonly Tensor[])[],
  inForce: ParameterValues,
  stepMs: number,
): Segment[] {
  const begin = numberOf(entry.threshold, inForce);
  const end = numberOf(entry.endThreshold ?? entry.threshold, inForce);
  const silenceMs = numberOf(entry.silenceMs ?? 0, inForce);
  const lengthMsMin = numberOf(entry.lengthMsMin ?? 0, inForce);
  const segments: Segment[] = [];
  let open: { fromMs: number; toMs: number; score: number } | undefined;
  for (const [at, outputs] of frames.entries()) {
    const score = scoreIn(entry, outputs);
    const atMs = at * stepMs;
    if (open === undefined && score >= begin) open = { fromMs: atMs, toMs: atMs, score };
    if (open === undefined) continue;
    if (score >= end) open = { fromMs: open.fromMs, toMs: atMs + stepMs, score: Math.max(open.score, score) };
    else if (atMs + stepMs - open.toMs > silenceMs) {
      segments.push(open);
      open = undefined;
    }
  }
  if (open !== undefined) segments.push(open);
  return segments
    .filter(({ fromMs, toMs }) => toMs - fromMs >= lengthMsMin)
    .slice(0, RESULTS_MAX)
    .map(({ fromMs, toMs, score }) => ({
      fromMs: Math.round(fromMs),
      toMs: Math.round(toMs),
      score: shortScore(score),
    }));
}

function scoreIn({ output: name }: SegmentsResult, outputs: readonly Tensor[]): number {
  const output = outputNamed(outputs, name);
  const [score, another] = numbersIn(output);
  if (score === undefined || another !== undefined) {
    throw new ProcessingError("bad-output", `The output "${name}" [${output.shape.join(", ")}] is no single score`);
  }
  return score;
}
