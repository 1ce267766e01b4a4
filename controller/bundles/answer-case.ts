import type { OnnxSession } from "../../common/onnx-session.ts";
import { inferSequence } from "../../common/processing/infer-sequence.ts";
import type { LoadedCase } from "../../common/processing/golden-case.ts";
import { interpretOutputs } from "../../common/processing/results/interpret-outputs.ts";
import type { ModelJson } from "../../protocol/bundle/model-json.ts";
import { parametersInForce } from "../../protocol/bundle/parameters.ts";
import type { PredictionResults } from "../../protocol/prediction-results.ts";
import type { Tensor } from "../../protocol/tensor.ts";

/** What decides what an answer means. */
export interface AnsweringModel {
  readonly model: Pick<ModelJson, "inputs" | "preprocessing" | "postprocessing" | "parameters">;
  readonly labels: readonly string[];
}

export interface CaseAnswer {
  /** Of the last inference. */
  readonly outputs: readonly Tensor[];
  /** Empty where the case is one of tensors. */
  readonly results: PredictionResults;
}

/** Answers a golden case as a device would. Throws what the session throws, and ProcessingError `bad-output`. */
export async function answerCase(
  session: Pick<OnnxSession, "run">,
  { model, labels }: AnsweringModel,
  { inputs, media }: LoadedCase,
): Promise<CaseAnswer> {
  if (media === undefined) return { outputs: await session.run(inputs), results: {} };
  const { placement, stepMs } = media.prepared;
  const frames = await inferSequence(model, media.prepared, (frame) => session.run(frame));
  const { postprocessing, parameters } = model;
  const inForce = parametersInForce(parameters);
  const results =
    postprocessing === undefined
      ? {}
      : interpretOutputs({ postprocessing, labels, parameters: inForce, frames, placement, stepMs });
  return { outputs: frames.at(-1) ?? [], results };
}
