/** `POST /predict`: the shortest way to a prediction; shapes and datatypes come from the model, labels from its bundle. */
import { Type } from "typebox";
import { gate, parseJson } from "../../protocol/schema.ts";
import type { Tensor, TensorSpec } from "../../protocol/tensor.ts";
import type { InferenceEngine, ServedSlot } from "../inference/inference-engine.ts";
import { askModel, onlySlot } from "./ask-model.ts";
import { findSlot } from "./find-slot.ts";
import { HttpError, jsonAnswer, type HttpAnswer, type HttpHandler, type HttpRequest } from "./http-answer.ts";
import type { Labels } from "./labels.ts";
import { inputFromNpy, inputOf, inputsByName, onlyInput } from "./model-inputs.ts";
import { isNpy, readNpy } from "./npy.ts";
import { BODY_BYTES_MAX } from "./read-body.ts";
import { bestLabels } from "./best-labels.ts";
import { requestKey } from "./request-key.ts";

/** How many labels are told: what fits a glance; the outputs hold them all. */
const TOP_COUNT = 5;

/** `{"inputs": {name: values}}`, or the values alone for a model with one input. */
type Prediction = { readonly inputs: Readonly<Record<string, unknown>> } | readonly unknown[];

const checkInputs = gate("prediction", Type.Object({ inputs: Type.Record(Type.String(), Type.Unknown()) }));

function isArray(value: unknown): value is readonly unknown[] {
  return Array.isArray(value);
}

/** Throws HttpError 400 in words: who types a body by hand has no schema at hand. */
function checkBody(value: unknown): Prediction {
  if (isArray(value)) return value;
  if (typeof value === "object" && value !== null && "inputs" in value) return checkInputs(value);
  throw new HttpError(
    400,
    'A prediction is {"inputs": {"name": values, …}}, or the array of values for a model with one input',
  );
}

export function predictRoutes(engine: InferenceEngine, labels: Labels): [string, HttpHandler][] {
  return [
    [
      "POST /predict",
      (request) =>
        predict(
          engine,
          labels,
          onlySlot(engine, (slot) => `POST /predict/${slot}`),
          request,
        ),
    ],
    [
      "POST /predict/:model",
      (request) => predict(engine, labels, findSlot(engine, request.parameters["model"] ?? ""), request),
    ],
  ];
}

async function predict(
  engine: InferenceEngine,
  labels: Labels,
  { slot, bundle }: ServedSlot,
  request: HttpRequest,
): Promise<HttpAnswer> {
  const inputs = inputsIn(await request.body(), bundle.model.inputs);
  const { response, outputs } = await askModel(engine, slot, inputs, requestKey(request.headers));
  return jsonAnswer({
    model: response.model,
    version: response.version,
    outputs,
    // The version that answered may have come while this request waited: its labels, not those of the one before.
    top: bestLabels(response.outputs[0], await labels.of(engine, response.statement)).slice(0, TOP_COUNT),
  });
}

/** JSON, or the file that `numpy.save` wrote. Throws HttpError 400 or a ProtocolError. */
export function inputsIn(body: Uint8Array, specs: readonly TensorSpec[]): Tensor[] {
  if (isNpy(body)) return [inputFromNpy(onlyInput(specs), readNpy(body))];
  const values = parseJson("prediction", body, BODY_BYTES_MAX, checkBody);
  return "inputs" in values ? inputsByName(specs, values.inputs) : [inputOf(onlyInput(specs), values)];
}
