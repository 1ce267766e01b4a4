/** The Open Inference Protocol v2 over HTTP. */
import { mediaOf } from "../../common/processing/media-of.ts";
import type { ModelJson } from "../../protocol/bundle/model-json.ts";
import { mediaInput } from "../../protocol/bundle/preprocessing.ts";
import type { PredictionResults } from "../../protocol/prediction-results.ts";
import { elementsIn } from "../../protocol/tensor-elements.ts";
import type { Tensor } from "../../protocol/tensor.ts";
import { valuesFromTensor } from "../../protocol/tensor-values.ts";
import type { InferenceEngine, InferResponse, ServedSlot } from "../inference/inference-engine.ts";
import type { MediaPredictor, MediaRequest } from "../processing/media-predictor.ts";
import { AGENT_VERSION } from "../version.ts";
import { servedVersion, TIMEOUT_MS } from "./ask-model.ts";
import { classify } from "./classification.ts";
import { mediaOfText } from "./encoded-media.ts";
import { HttpError, jsonAnswer, type HttpAnswer, type HttpHandler, type HttpRequest } from "./http-answer.ts";
import type { InferenceStatistics } from "./inference-statistics.ts";
import { readLabels } from "../../common/processing/bundle-labels.ts";
import { tritonConfig } from "./oip-config.ts";
import { parseOipRequest, type ParsedOipRequest } from "./oip-request.ts";
import { requestNames } from "./request-names.ts";

/** The extensions of OIP v2 that are served here, by Triton's names. */
const EXTENSIONS = ["binary_tensor_data", "classification", "statistics", "model_configuration", "model_repository"];

export interface OipPorts {
  readonly engine: InferenceEngine;
  readonly predictor: Pick<MediaPredictor, "predict">;
  readonly statistics: InferenceStatistics;
}

export function oipRoutes({ engine, predictor, statistics }: OipPorts): [string, HttpHandler][] {
  const model = ({ parameters }: HttpRequest) =>
    servedVersion(engine, parameters["model"] ?? "", parameters["version"]);
  const both = (tail: string, method: string, handler: HttpHandler): [string, HttpHandler][] => [
    [`${method} /v2/models/:model${tail}`, handler],
    [`${method} /v2/models/:model/versions/:version${tail}`, handler],
  ];
  return [
    ["GET /v2", () => jsonAnswer({ name: "modelferry", version: AGENT_VERSION, extensions: EXTENSIONS })],
    ["GET /v2/health/live", () => jsonAnswer({ live: true })],
    [
      "GET /v2/health/ready",
      () =>
        readiness(
          {},
          engine.slots().every(({ ready }) => ready),
        ),
    ],
    ["GET /v2/models/stats", () => jsonAnswer({ model_stats: statistics.of() })],
    ...both("", "GET", (request) => jsonAnswer(metadata(model(request)))),
    ...both("/ready", "GET", (request) => readiness({ name: model(request).slot }, model(request).ready)),
    ...both("/config", "GET", (request) => jsonAnswer(tritonConfig(model(request)))),
    ...both("/stats", "GET", (request) => jsonAnswer({ model_stats: statistics.of(model(request).slot) })),
    ...both("/infer", "POST", (request) => infer({ engine, predictor }, request)),
    ...NOT_OFFERED.map((route): [string, HttpHandler] => [route, notOffered]),
  ];
}

/** What Triton's clients have methods for, and a device does not do. */
const NOT_OFFERED = [
  ...["systemsharedmemory", "cudasharedmemory"].flatMap((kind) => [
    `GET /v2/${kind}/status`,
    `GET /v2/${kind}/region/:region/status`,
    `POST /v2/${kind}/region/:region/register`,
    `POST /v2/${kind}/unregister`,
    `POST /v2/${kind}/region/:region/unregister`,
  ]),
  ...["GET", "POST"].flatMap((method) => [
    `${method} /v2/trace/setting`,
    `${method} /v2/models/:model/trace/setting`,
    `${method} /v2/logging`,
  ]),
];

function notOffered(): never {
  throw new HttpError(
    501,
    "Shared memory, tracing and log settings are not offered here; GET /v2 lists the extensions",
  );
}

async function infer({ engine, predictor }: Omit<OipPorts, "statistics">, request: HttpRequest): Promise<HttpAnswer> {
  const { slot, bundle } = servedVersion(engine, request.parameters["model"] ?? "", request.parameters["version"]);
  const headerLength = request.headers["inference-header-content-length"];
  const parsed = parseOipRequest(
    await request.body(),
    typeof headerLength === "string" ? headerLength : undefined,
    bundle.model.inputs,
  );
  const asked = {
    slot,
    ...(request.parameters["version"] === undefined ? {} : { version: bundle.model.version }),
    ...requestNames(request.headers),
    ...(parsed.key === undefined ? {} : { key: parsed.key }),
    ...(parsed.id === undefined ? {} : { id: parsed.id }),
    timeoutMs: Math.min(parsed.timeoutMs ?? TIMEOUT_MS, TIMEOUT_MS),
  };
  const file = fileAmong(parsed.inputs, bundle.model);
  if (file !== undefined) {
    const outputs = parsed.outputs ?? bundle.model.outputs.map(({ name }) => name);
    const { response, results, ...answer } = await predictor.predict({ ...asked, ...file, outputs });
    const names = await readLabels(response.bundle);
    return answerOf({ ...response, outputs: answer.outputs }, parsed, names, results);
  }
  const response = await engine.infer({
    ...asked,
    inputs: parsed.inputs,
    ...(parsed.outputs === undefined ? {} : { outputs: parsed.outputs }),
    onInputsFree: request.freeBody,
  });
  // The version that answered may have come while this request waited: its labels, not those of the one before.
  const names = response.outputs.some(({ name }) => parsed.classes(name) > 0) ? await readLabels(response.bundle) : [];
  return answerOf(response, parsed, names);
}

/**
 * A picture or a sound as one element of BYTES in place of the numbers that the model declares: what clients of Triton send
 * to a model with a decoder before it. In JSON it is base64. Undefined for a request of numbers; throws HttpError 400.
 */
function fileAmong(inputs: readonly Tensor[], model: ModelJson): Pick<MediaRequest, "media" | "inputs"> | undefined {
  const name = mediaInput(model.preprocessing)?.input;
  const spec = model.inputs.find((one) => one.name === name);
  const given = inputs.find((input) => input.name === name && input.datatype === "BYTES");
  if (given === undefined || spec?.datatype === "BYTES") return undefined;
  const elements = elementsIn(given);
  const file = elements[0];
  if (!(file instanceof Uint8Array) || elements.length > 1) {
    throw new HttpError(400, `Input "${given.name}" as BYTES is one picture or sound; ${given.shape.join(" × ")} came`);
  }
  const media = mediaOf(file, model) ?? mediaOfText(Buffer.from(file).toString("latin1"), model);
  return { media, inputs: inputs.filter((input) => input !== given) };
}

/** `results`: what a picture or a sound means, as a text among the parameters, which the protocol leaves to servers. */
function answerOf(
  response: InferResponse,
  { id, isBinary, classes }: ParsedOipRequest,
  labels: readonly string[],
  results: PredictionResults = {},
): HttpAnswer {
  const binary: Uint8Array[] = [];
  const outputs = response.outputs.map((output) => {
    const count = classes(output.name);
    const tensor = count === 0 ? output : classify(output, count, labels);
    if (!isBinary(tensor.name)) return { ...head(tensor), data: valuesFromTensor(tensor) };
    binary.push(tensor.bytes);
    return { ...head(tensor), parameters: { binary_data_size: tensor.bytes.byteLength } };
  });
  const { model: model_name, version: model_version } = response;
  const isMeant = Object.keys(results).length > 0;
  const meaning = isMeant ? { parameters: { results: JSON.stringify(results) } } : {};
  const json = { model_name, model_version, ...(id === undefined ? {} : { id }), ...meaning, outputs };
  if (binary.length === 0) return jsonAnswer(json);
  const header = Buffer.from(JSON.stringify(json));
  return {
    status: 200,
    headers: {
      "content-type": "application/octet-stream",
      "inference-header-content-length": String(header.byteLength),
    },
    body: [header, ...binary],
  };
}

function head({ name, datatype, shape }: Pick<Tensor, "name" | "datatype" | "shape">) {
  return { name, datatype, shape };
}

function metadata({ bundle: { model }, trial }: ServedSlot) {
  const { name, version, inputs, outputs } = model;
  const versions = [version, ...(trial === undefined ? [] : [trial.bundle.model.version])];
  return { name, versions, platform: "onnxruntime_onnx", inputs, outputs: outputs.map(head) };
}

function readiness(what: object, ready: boolean): HttpAnswer {
  return jsonAnswer({ ...what, ready }, ready ? 200 : 503);
}
