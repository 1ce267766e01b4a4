import { Type, type Static } from "typebox";
import { ModelName, ModelVersion } from "../ids.ts";
import { TENSORS_MAX } from "../limits.ts";
import { PredictionResults } from "../prediction-results.ts";
import { gate } from "../schema.ts";
import { FeedbackAnswer } from "./feedback.ts";
import type { Tensor } from "../tensor.ts";
import {
  decodePredictMessage,
  decodeTensor,
  encodePredictMessage,
  encodeTensors,
  PredictId,
  PredictTensor,
  type PredictEncoding,
} from "./predict-request.ts";

/** From the request to its tensors, in the queue, in the model, and from the outputs to what they mean; milliseconds. */
export const PredictTimes = Type.Object({
  preMs: Type.Number(),
  queueMs: Type.Number(),
  inferMs: Type.Number(),
  postMs: Type.Number(),
});
export type PredictTimes = Static<typeof PredictTimes>;

/** Device → caller, on the `replyTo` of the request. */
const PredictResponseMessage = Type.Union([
  Type.Object({
    id: PredictId,
    model_name: ModelName,
    /** The version that computed the outputs, also where the request named none. */
    model_version: ModelVersion,
    outputs: Type.Array(PredictTensor, { maxItems: TENSORS_MAX }),
    /** To a picture or sound: what the outputs mean, where the model's `postprocessing` says. */
    results: Type.Optional(PredictionResults),
    /** To a picture or sound, in milliseconds. */
    times: Type.Optional(PredictTimes),
  }),
  Type.Object({ id: PredictId, model_name: ModelName, feedback: FeedbackAnswer }),
  Type.Object({
    id: PredictId,
    /** A sentence for people. */
    error: Type.String({ maxLength: 4_000 }),
    /** As the same request over HTTP would get: 400, 404, 429, 500, 503, 504. */
    status: Type.Integer({ minimum: 400, maximum: 599 }),
  }),
]);

/** An answer in memory. */
export type PredictResponse =
  | {
      readonly kind: "outputs";
      readonly id: string;
      readonly model: ModelName;
      readonly version: ModelVersion;
      readonly outputs: readonly Tensor[];
      readonly results?: PredictionResults;
      readonly times?: PredictTimes;
    }
  | { readonly kind: "feedback"; readonly id: string; readonly model: ModelName; readonly feedback: FeedbackAnswer }
  | { readonly kind: "error"; readonly id: string; readonly error: string; readonly status: number };

/** Throws SCHEMA for outputs that JSON cannot carry. */
export function encodePredictResponse(response: PredictResponse, encoding: PredictEncoding): Uint8Array {
  const { id } = response;
  if (response.kind === "error") {
    return encodePredictMessage({ id, error: response.error.slice(0, 4_000), status: response.status }, encoding);
  }
  if (response.kind === "feedback") {
    return encodePredictMessage({ id, model_name: response.model, feedback: response.feedback }, encoding);
  }
  const { model: model_name, version: model_version } = response;
  const outputs = encodeTensors(response.outputs, encoding);
  const { results, times } = response;
  const beside = { ...(results && { results }), ...(times && { times }) };
  return encodePredictMessage({ id, model_name, model_version, outputs, ...beside }, encoding);
}

const check = gate("predict response", PredictResponseMessage);

/** Throws OVERSIZE, MALFORMED or SCHEMA. */
export function decodePredictResponse(bytes: Uint8Array): PredictResponse {
  const message = check(decodePredictMessage("predict response", bytes).value);
  if ("error" in message) return { kind: "error", ...message };
  if ("feedback" in message) {
    return { kind: "feedback", id: message.id, model: message.model_name, feedback: message.feedback };
  }
  const { id, model_name: model, model_version: version, results, times } = message;
  const beside = { ...(results && { results }), ...(times && { times }) };
  return { kind: "outputs", id, model, version, outputs: message.outputs.map(decodeTensor), ...beside };
}
