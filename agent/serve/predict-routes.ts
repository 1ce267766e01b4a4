/** `POST /predict`: the shortest way to a prediction; shapes and datatypes come from the model, labels from its bundle. */
import { Type } from "typebox";
import { gate, parseJson } from "../../protocol/schema.ts";
import { nestValues, valuesFromTensor } from "../../protocol/tensor-values.ts";
import type { Tensor, TensorSpec } from "../../protocol/tensor.ts";
import type { InferenceEngine, ServedSlot } from "../inference/inference-engine.ts";
import type { MediaPredictor, MediaRequest } from "../processing/media-predictor.ts";
import { askModel, onlySlot, TIMEOUT_MS } from "./ask-model.ts";
import { fileOfForm } from "./form-file.ts";
import { findSlot } from "./find-slot.ts";
import { HttpError, jsonAnswer, type HttpAnswer, type HttpHandler, type HttpRequest } from "./http-answer.ts";
import { readLabels } from "../../common/processing/bundle-labels.ts";
import { mediaIn } from "./media-body.ts";
import { inputFromNpy, inputOf, inputsByName, onlyInput } from "./model-inputs.ts";
import { isNpy, readNpy } from "../../common/processing/decode/read-npy.ts";
import { BODY_BYTES_MAX } from "./read-body.ts";
import { bestLabels } from "./best-labels.ts";
import { requestNames } from "./request-names.ts";

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

export interface PredictPorts {
  readonly engine: InferenceEngine;
  readonly predictor: MediaPredictor;
}

export function predictRoutes(ports: PredictPorts): [string, HttpHandler][] {
  const { engine } = ports;
  return [
    [
      "POST /predict",
      (request) =>
        predict(
          ports,
          onlySlot(engine, (slot) => `POST /predict/${slot}`),
          request,
        ),
    ],
    ["POST /predict/:model", (request) => predict(ports, findSlot(engine, request.parameters["model"] ?? ""), request)],
  ];
}

async function predict(ports: PredictPorts, served: ServedSlot, request: HttpRequest): Promise<HttpAnswer> {
  const body = fileOfForm(await request.body(), request.headers["content-type"]);
  const names = requestNames(request.headers);
  const media = mediaIn(body, request.headers["content-type"], served.bundle.model);
  return media === undefined
    ? predictTensors(ports, served, body, names)
    : predictMedia(ports, served, { media, ...names });
}

/** Results first: they are what a person looks for. */
async function predictMedia(
  { predictor }: PredictPorts,
  { slot }: ServedSlot,
  request: Pick<MediaRequest, "media" | "inputs" | "key" | "id">,
): Promise<HttpAnswer> {
  const { response, outputs, results, times } = await predictor.predict({ slot, ...request, timeoutMs: TIMEOUT_MS });
  const { model, version, queueMs, inferMs } = response;
  const shown = Object.fromEntries(
    outputs.map((tensor) => [tensor.name, nestValues(valuesFromTensor(tensor), tensor.shape)]),
  );
  return jsonAnswer({
    model,
    version,
    ...results,
    ...(outputs.length === 0 ? {} : { outputs: shown }),
    times: timesText({ ...times, queueMs, inferMs }),
  });
}

async function predictTensors(
  { engine, predictor }: PredictPorts,
  { slot, bundle }: ServedSlot,
  body: Uint8Array,
  names: Pick<MediaRequest, "key" | "id">,
) {
  const inputs = inputsIn(body, bundle.model.inputs);
  const { response, outputs } = await askModel(engine, slot, inputs, names);
  // One example's: results tell of one picture. The version that answered may have come while this request waited.
  const isOne = inputs.every(({ name, shape }) =>
    isOneExample(
      shape,
      response.bundle.model.inputs.find((spec) => spec.name === name),
    ),
  );
  const { results } = isOne ? await predictor.interpret(slot, response) : { results: {} };
  return jsonAnswer({
    model: response.model,
    version: response.version,
    outputs,
    top: bestLabels(response.outputs[0], await readLabels(response.bundle)).slice(0, TOP_COUNT),
    ...results,
  });
}

function isOneExample(shape: readonly number[], spec: TensorSpec | undefined): boolean {
  return spec?.shape[0] !== -1 || shape[0] === 1;
}

/** Milliseconds, to the microsecond. */
function timesText(times: Readonly<Record<string, number>>): Record<string, number> {
  return Object.fromEntries(Object.entries(times).map(([name, ms]) => [name, Math.round(ms * 1_000) / 1_000]));
}

/** JSON, or the file that `numpy.save` wrote. Throws HttpError 400 or a ProtocolError. */
export function inputsIn(body: Uint8Array, specs: readonly TensorSpec[]): Tensor[] {
  if (isNpy(body)) return [inputFromNpy(onlyInput(specs), readNpy(body))];
  const values = parseJson("prediction", body, BODY_BYTES_MAX, checkBody);
  return "inputs" in values ? inputsByName(specs, values.inputs) : [inputOf(onlyInput(specs), values)];
}
