/** The Open Inference Protocol v2 over HTTP. */
import type { Tensor } from "../../protocol/tensor.ts";
import { valuesFromTensor } from "../../protocol/tensor-values.ts";
import type { InferenceEngine, InferResponse, ServedSlot } from "../inference/inference-engine.ts";
import { InferenceError } from "../inference/inference-error.ts";
import { AGENT_VERSION } from "../version.ts";
import { findSlot } from "./find-slot.ts";
import { jsonAnswer, type HttpAnswer, type HttpHandler, type HttpRequest } from "./http-answer.ts";
import { parseOipRequest, type ParsedOipRequest } from "./oip-request.ts";

/** For clients that name none: longer than a runner needs to restart, shorter than people and proxies wait. */
export const TIMEOUT_MS = 30_000;

export function oipRoutes(engine: InferenceEngine): [string, HttpHandler][] {
  const model = (request: HttpRequest) => servedModel(engine, request);
  const both = (tail: string, method: string, handler: HttpHandler): [string, HttpHandler][] => [
    [`${method} /v2/models/:model${tail}`, handler],
    [`${method} /v2/models/:model/versions/:version${tail}`, handler],
  ];
  return [
    ["GET /v2", () => jsonAnswer({ name: "modelferry", version: AGENT_VERSION, extensions: ["binary_tensor_data"] })],
    ["GET /v2/health/live", () => jsonAnswer({ live: true })],
    [
      "GET /v2/health/ready",
      () =>
        readiness(
          {},
          engine.slots().every(({ ready }) => ready),
        ),
    ],
    ...both("", "GET", (request) => jsonAnswer(metadata(model(request)))),
    ...both("/ready", "GET", (request) => readiness({ name: model(request).slot }, model(request).ready)),
    ...both("/infer", "POST", (request) => infer(engine, request)),
  ];
}

async function infer(engine: InferenceEngine, request: HttpRequest): Promise<HttpAnswer> {
  const { slot, bundle } = servedModel(engine, request);
  const headerLength = request.headers["inference-header-content-length"];
  const parsed = parseOipRequest(await request.body(), typeof headerLength === "string" ? headerLength : undefined);
  const response = await engine.infer({
    slot,
    ...(request.parameters["version"] === undefined ? {} : { version: bundle.model.version }),
    inputs: parsed.inputs,
    ...(parsed.outputs === undefined ? {} : { outputs: parsed.outputs }),
    timeoutMs: Math.min(parsed.timeoutMs ?? TIMEOUT_MS, TIMEOUT_MS),
  });
  return answerOf(response, parsed);
}

function answerOf(response: InferResponse, { id, isBinary }: ParsedOipRequest): HttpAnswer {
  const binary: Uint8Array[] = [];
  const outputs = response.outputs.map((tensor) => {
    if (!isBinary(tensor.name)) return { ...head(tensor), data: valuesFromTensor(tensor) };
    binary.push(tensor.bytes);
    return { ...head(tensor), parameters: { binary_data_size: tensor.bytes.byteLength } };
  });
  const { model: model_name, version: model_version } = response;
  const json = { model_name, model_version, ...(id === undefined ? {} : { id }), outputs };
  if (binary.length === 0) return jsonAnswer(json);
  const header = Buffer.from(JSON.stringify(json));
  return {
    status: 200,
    headers: {
      "content-type": "application/octet-stream",
      "inference-header-content-length": String(header.byteLength),
    },
    body: Buffer.concat([header, ...binary]),
  };
}

function head({ name, datatype, shape }: Tensor) {
  return { name, datatype, shape };
}

function metadata({ bundle: { model } }: ServedSlot) {
  const { name, version, inputs, outputs } = model;
  return { name, versions: [version], platform: "onnxruntime_onnx", inputs, outputs };
}

function readiness(what: object, ready: boolean): HttpAnswer {
  return jsonAnswer({ ...what, ready }, ready ? 200 : 503);
}

/** Throws InferenceError `unknown-model` or `unknown-version`. */
function servedModel(engine: InferenceEngine, { parameters }: HttpRequest): ServedSlot {
  const served = findSlot(engine, parameters["model"] ?? "");
  const version = parameters["version"];
  const there = served.bundle.model.version;
  if (version === undefined || version === there) return served;
  const message = `Request for unknown version: '${served.slot}' version ${version} is not found; version ${there} is there`;
  throw new InferenceError("unknown-version", message);
}
