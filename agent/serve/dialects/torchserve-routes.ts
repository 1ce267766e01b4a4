/** TorchServe's inference API and the questions of its management API, for clients that were written for it. */
import type { InferenceEngine, ServedSlot } from "../../inference/inference-engine.ts";
import { askModel, servedVersion } from "../ask-model.ts";
import { bestLabels } from "../best-labels.ts";
import { jsonAnswer, type HttpAnswer, type HttpHandler, type HttpRequest } from "../http-answer.ts";
import { readLabels } from "../../../common/processing/bundle-labels.ts";
import { fileOfForm } from "../form-file.ts";
import { mediaIn } from "../media-body.ts";
import { predictFiles, type FilePrediction } from "../predict-files.ts";
import { inputsIn, type PredictPorts } from "../predict-routes.ts";
import { requestNames } from "../request-names.ts";

/** What TorchServe's image classifier tells. */
const TOP_COUNT = 5;

export function torchserveRoutes({ engine, predictor }: PredictPorts): [string, HttpHandler][] {
  const predictions: HttpHandler = async (request) => {
    const asked = served(engine, request);
    const { slot, bundle } = asked;
    const contentType = request.headers["content-type"];
    const body = fileOfForm(await request.body(), contentType);
    const names = {
      ...requestNames(request.headers),
      ...(request.parameters["version"] === undefined ? {} : { version: bundle.model.version }),
    };
    const media = mediaIn(body, contentType, bundle.model);
    if (media !== undefined) {
      const [prediction] = await predictFiles(predictor, asked, [media], names);
      return jsonAnswer(prediction && handled(prediction));
    }
    const inputs = inputsIn(body, bundle.model.inputs);
    const { response, outputs } = await askModel(engine, slot, inputs, names);
    const best = bestLabels(response.outputs[0], await readLabels(response.bundle)).slice(0, TOP_COUNT);
    if (best.length > 0) return jsonAnswer(Object.fromEntries(best.map(({ label, score }) => [label, score])));
    const [only, ...others] = Object.values(outputs);
    return jsonAnswer(others.length === 0 ? only : outputs);
  };
  return [
    // `curl -T picture.jpg`, as TorchServe's own documents have it, is a PUT.
    ...["POST", "PUT"].flatMap((method): [string, HttpHandler][] => [
      [`${method} /predictions/:model`, predictions],
      [`${method} /predictions/:model/:version`, predictions],
    ]),
    ["GET /ping", () => ping(engine.slots())],
    ["GET /models", () => jsonAnswer({ models: engine.slots().map(listed) })],
    ["GET /models/:model", (request) => jsonAnswer([described(served(engine, request))])],
    ["GET /models/:model/:version", (request) => jsonAnswer([described(served(engine, request))])],
  ];
}

/** As the handlers that come with TorchServe answer: image_classifier, object_detector, and those of text. */
function handled({ results: { top, boxes, segments, text }, outputs }: FilePrediction): unknown {
  if (top !== undefined) return Object.fromEntries(top.slice(0, TOP_COUNT).map(({ label, score }) => [label, score]));
  if (boxes !== undefined) return boxes.map(({ label = "object", box, score }) => ({ [label]: box, score }));
  if (text !== undefined) return text;
  if (segments !== undefined) return segments;
  const [only, ...others] = Object.values(outputs);
  return others.length === 0 ? only : outputs;
}

function ping(slots: readonly ServedSlot[]): HttpAnswer {
  return slots.every(({ ready }) => ready)
    ? jsonAnswer({ status: "Healthy" })
    : jsonAnswer({ status: "Unhealthy" }, 503);
}

function listed({ slot, bundle }: ServedSlot) {
  return { modelName: slot, modelUrl: bundle.statement };
}

/** One worker a runner; it stands where TorchServe's `READY` stands. */
function described(served: ServedSlot) {
  const { bundle, evidence, ready, sinceMs } = served;
  const worker = {
    id: "9000",
    startTime: new Date(sinceMs).toISOString(),
    status: ready ? "READY" : "UNLOADING",
    gpu: evidence.provider !== "cpu",
    memoryUsage: evidence.memoryBytes,
  };
  return {
    ...listed(served),
    modelVersion: bundle.model.version,
    runtime: "onnxruntime",
    minWorkers: 1,
    maxWorkers: 1,
    batchSize: 1,
    maxBatchDelay: 0,
    loadedAtStartup: true,
    workers: [worker],
  };
}

function served(engine: InferenceEngine, { parameters }: HttpRequest) {
  return servedVersion(engine, parameters["model"] ?? "", parameters["version"]);
}
