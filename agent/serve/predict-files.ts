/** Several pictures or sounds in one request, and what each was found to be, in the words of no dialect. */
import { randomUUID } from "node:crypto";
import type { Media } from "../../common/processing/prepare-media.ts";
import type { ModelJson } from "../../protocol/bundle/model-json.ts";
import type { ModelVersion } from "../../protocol/ids.ts";
import type { PredictionResults } from "../../protocol/prediction-results.ts";
import { nestValues, valuesFromTensor, type NestedValues } from "../../protocol/tensor-values.ts";
import type { ServedSlot } from "../inference/inference-engine.ts";
import type { MediaAnswer, MediaPredictor } from "../processing/media-predictor.ts";
import { TIMEOUT_MS } from "./ask-model.ts";
import { HttpError } from "./http-answer.ts";

/** Of one request: they wait in the decoder's queue together, and others' pictures behind them. */
const FILES_MAX = 16;

export interface FileNames {
  readonly version?: ModelVersion;
  readonly key?: string;
  readonly id?: string;
}

export interface FilePrediction {
  readonly results: PredictionResults;
  /** One example's, without the dimension of the batch. */
  readonly outputs: Readonly<Record<string, NestedValues>>;
  /** The outputs are what a client of numbers expects; else the results tell what they mean. */
  readonly isNumbers: boolean;
}

/** All by one version, where no other replaces it meanwhile. Throws HttpError, InferenceError or ProcessingError. */
export async function predictFiles(
  predictor: Pick<MediaPredictor, "predict">,
  { slot, bundle: { model } }: ServedSlot,
  files: readonly Media[],
  { key = randomUUID(), id, version }: FileNames,
): Promise<FilePrediction[]> {
  if (files.length > FILES_MAX) {
    throw new HttpError(
      400,
      `The request has ${files.length} pictures or sounds; at most ${FILES_MAX} are taken at once`,
    );
  }
  // Feedback is joined by the id: of several nobody knows which is meant.
  const named = { key, ...(version === undefined ? {} : { version }) };
  const joined = id === undefined || files.length > 1 ? {} : { id };
  const outputs = tellsNumbers(model) ? { outputs: model.outputs.map(({ name }) => name) } : {};
  const answers = await Promise.all(
    files.map((media) => predictor.predict({ slot, media, ...outputs, ...named, ...joined, timeoutMs: TIMEOUT_MS })),
  );
  return answers.map((answer) => predictionOf(answer, tellsNumbers(model)));
}

/** Scores of classes are read as numbers by every client; boxes, regions, segments and texts are not in the outputs. */
function tellsNumbers({ postprocessing = [] }: ModelJson): boolean {
  return postprocessing.every(({ kind }) => kind === "classes");
}

function predictionOf({ outputs, results }: MediaAnswer, isNumbers: boolean): FilePrediction {
  const examples = outputs.map((tensor) => {
    const values = nestValues(valuesFromTensor(tensor), tensor.shape);
    return [tensor.name, Array.isArray(values) && values.length === 1 ? (values[0] ?? values) : values] as const;
  });
  return { results, outputs: Object.fromEntries(examples), isNumbers };
}
