/** TensorFlow Serving's REST API (predict, model status, metadata), for clients that were written for it. */
import { Type, type Static } from "typebox";
import { gate, parseJson } from "../../../protocol/schema.ts";
import type { NestedValues } from "../../../protocol/tensor-values.ts";
import type { Datatype, Tensor, TensorSpec } from "../../../protocol/tensor.ts";
import type { ModelJson } from "../../../protocol/bundle/model-json.ts";
import type { Media } from "../../../common/processing/prepare-media.ts";
import type { ServedSlot } from "../../inference/inference-engine.ts";
import { askModel, servedVersion } from "../ask-model.ts";
import { isEncoded, mediaOfText, takesMedia } from "../encoded-media.ts";
import { HttpError, jsonAnswer, type HttpAnswer, type HttpHandler, type HttpRequest } from "../http-answer.ts";
import { inputOf, inputsByName, onlyInput } from "../model-inputs.ts";
import { predictFiles, type FilePrediction } from "../predict-files.ts";
import type { PredictPorts } from "../predict-routes.ts";
import { BODY_BYTES_MAX } from "../read-body.ts";
import { requestNames } from "../request-names.ts";

const PredictBody = Type.Object({
  /** A model here has one signature: whatever it is called. */
  signature_name: Type.Optional(Type.String({ maxLength: 256 })),
  /** Row format: one example each, without the batch dimension. */
  instances: Type.Optional(Type.Array(Type.Unknown(), { minItems: 1 })),
  /** Column format: whole tensors. */
  inputs: Type.Optional(Type.Unknown()),
});
type PredictBody = Static<typeof PredictBody>;

const check = gate("predict request", PredictBody);

export function tensorflowServingRoutes(ports: PredictPorts): [string, HttpHandler][] {
  const { engine } = ports;
  const served = ({ parameters }: HttpRequest) =>
    servedVersion(engine, parameters["model"] ?? "", parameters["version"]);
  return [
    ["GET /v1/models/:model", (request) => jsonAnswer(status(served(request)))],
    ["GET /v1/models/:model/versions/:version", (request) => jsonAnswer(status(served(request)))],
    ["GET /v1/models/:model/metadata", (request) => jsonAnswer(metadata(served(request)))],
    ["GET /v1/models/:model/versions/:version/metadata", (request) => jsonAnswer(metadata(served(request)))],
    ["POST /v1/models/:call", (request) => call(ports, request, request.parameters["call"] ?? "")],
    [
      "POST /v1/models/:model/versions/:call",
      (request) => call(ports, request, request.parameters["call"] ?? "", request.parameters["model"]),
    ],
  ];
}

/** `digits:predict`, or `1.1.0:predict` under a model. */
async function call(ports: PredictPorts, request: HttpRequest, text: string, model?: string): Promise<HttpAnswer> {
  const colon = text.lastIndexOf(":");
  const [name, verb] = colon < 0 ? [text, ""] : [text.slice(0, colon), text.slice(colon + 1)];
  const there = servedVersion(ports.engine, model ?? name, model === undefined ? undefined : name);
  if (verb === "classify" || verb === "regress") {
    throw new HttpError(501, `:${verb} takes tf.Example records, which ONNX models do not; use :predict`);
  }
  if (verb !== "predict")
    throw new HttpError(400, `A call ends with :predict, as in POST /v1/models/${there.slot}:predict`);
  return predict(ports, there, request, model !== undefined);
}

async function predict(
  { engine, predictor }: PredictPorts,
  served: ServedSlot,
  request: HttpRequest,
  isNamed: boolean,
): Promise<HttpAnswer> {
  const { slot, bundle } = served;
  const body = parseJson("predict request", await request.body(), BODY_BYTES_MAX, check);
  const names = { ...requestNames(request.headers), ...(isNamed ? { version: bundle.model.version } : {}) };
  const files = filesOf(body, bundle.model);
  if (files !== undefined) {
    const predictions = (await predictFiles(predictor, served, files, names)).map(told);
    return jsonAnswer(body.instances === undefined ? { outputs: predictions } : { predictions });
  }
  const inputs = inputsOf(body, bundle.model.inputs);
  const { outputs } = await askModel(engine, slot, inputs, names);
  return jsonAnswer(body.instances === undefined ? { outputs: columns(outputs) } : { predictions: rows(outputs) });
}

/**
 * `{"b64": …}`, alone or under the name of an input, as signatures of image bytes take it: one picture or sound each.
 * Undefined for a request of numbers. Throws HttpError 400 where only some are files.
 */
export function filesOf({ instances, inputs }: PredictBody, model: ModelJson): Media[] | undefined {
  const examples = instances ?? filesOfColumn(inputs);
  const encoded = examples.map((example) => encodedIn(example, model));
  if (encoded.every((text) => text === undefined)) return undefined;
  return encoded.map((text, at) => {
    if (text === undefined) throw new HttpError(400, `Example ${at} is no {"b64": …}, and others are`);
    return mediaOfText(text, model);
  });
}

function filesOfColumn(inputs: unknown): readonly unknown[] {
  if (Array.isArray(inputs)) return inputs;
  if (!isRecord(inputs) || isEncoded(inputs)) return [inputs];
  const [column, ...others] = Object.values(inputs);
  return others.length === 0 && Array.isArray(column) ? column : [inputs];
}

function encodedIn(example: unknown, model: ModelJson): string | undefined {
  const [only, ...others] = isRecord(example) && !isEncoded(example) ? Object.values(example) : [example];
  if (others.length > 0) return undefined;
  if (isEncoded(only)) return only.b64;
  return typeof only === "string" && takesMedia(model) ? only : undefined;
}

/** Numbers as the model gives them, or what they mean. */
function told({ outputs, results, isNumbers }: FilePrediction): unknown {
  const [only, ...others] = Object.values(outputs);
  if (isNumbers) return others.length === 0 ? only : outputs;
  return { ...results, ...outputs };
}

/** Both forms, for MLflow's server takes them too. Throws HttpError 400 or a ProtocolError. */
export function inputsOf({ instances, inputs }: PredictBody, specs: readonly TensorSpec[]): Tensor[] {
  if ((instances === undefined) === (inputs === undefined)) {
    throw new HttpError(400, 'A request has either "instances" (a list of examples) or "inputs" (whole tensors)');
  }
  if (instances !== undefined) return inputsByName(specs, stacked(instances, specs));
  if (isRecord(inputs)) return inputsByName(specs, inputs);
  return [inputOf(onlyInput(specs), inputs)];
}

/** Examples into one tensor for each input. */
function stacked(instances: readonly unknown[], specs: readonly TensorSpec[]): Record<string, unknown[]> {
  if (!isRecord(instances[0])) return { [onlyInput(specs).name]: [...instances] };
  const columnsByName: Record<string, unknown[]> = Object.fromEntries(specs.map(({ name }) => [name, []]));
  for (const [at, instance] of instances.entries()) {
    if (!isRecord(instance)) throw new HttpError(400, `instances[${at}] is no object, and the first one is`);
    for (const { name } of specs) {
      if (!(name in instance)) throw new HttpError(400, `instances[${at}] has no "${name}"`);
      columnsByName[name]?.push(instance[name]);
    }
  }
  return columnsByName;
}

/** A model with one output is answered with that output alone. */
function columns(outputs: Readonly<Record<string, NestedValues>>): unknown {
  const [only, ...others] = Object.values(outputs);
  return others.length === 0 ? only : outputs;
}

/** One prediction for each example. */
function rows(outputs: Readonly<Record<string, NestedValues>>): unknown {
  const entries = Object.entries(outputs).map(
    ([name, values]) => [name, Array.isArray(values) ? values : [values]] as const,
  );
  const [only, ...others] = entries;
  if (only !== undefined && others.length === 0) return only[1];
  const count = Math.min(...entries.map(([, values]) => values.length));
  return Array.from({ length: count }, (_, at) =>
    Object.fromEntries(entries.map(([name, values]) => [name, values[at] as unknown])),
  );
}

function status({ bundle, ready }: ServedSlot) {
  const state = ready ? "AVAILABLE" : "LOADING";
  return {
    model_version_status: [{ version: bundle.model.version, state, status: { error_code: "OK", error_message: "" } }],
  };
}

const TENSORFLOW_TYPE: Readonly<Record<Datatype, string>> = {
  BOOL: "DT_BOOL",
  UINT8: "DT_UINT8",
  UINT16: "DT_UINT16",
  UINT32: "DT_UINT32",
  UINT64: "DT_UINT64",
  INT8: "DT_INT8",
  INT16: "DT_INT16",
  INT32: "DT_INT32",
  INT64: "DT_INT64",
  FP16: "DT_HALF",
  FP32: "DT_FLOAT",
  FP64: "DT_DOUBLE",
  BYTES: "DT_STRING",
};

function metadata({ slot, bundle: { model } }: ServedSlot) {
  const described = (specs: readonly TensorSpec[]) =>
    Object.fromEntries(
      specs.map(({ name, datatype, shape }) => [
        name,
        {
          name,
          dtype: TENSORFLOW_TYPE[datatype],
          tensor_shape: { dim: shape.map((size) => ({ size: String(size), name: "" })), unknown_rank: false },
        },
      ]),
    );
  const serving_default = {
    inputs: described(model.inputs),
    outputs: described(model.outputs),
    method_name: "tensorflow/serving/predict",
  };
  return {
    model_spec: { name: slot, signature_name: "", version: model.version },
    metadata: { signature_def: { signature_def: { serving_default } } },
  };
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
