/** TorchServe's inference API, for clients that were written for it. */
import type { InferenceEngine } from "../../inference/inference-engine.ts";
import { askModel, servedVersion } from "../ask-model.ts";
import { bestLabels } from "../best-labels.ts";
import { jsonAnswer, type HttpHandler, type HttpRequest } from "../http-answer.ts";
import type { Labels } from "../labels.ts";
import { inputsIn } from "../predict-routes.ts";
import { requestKey } from "../request-key.ts";

/** What TorchServe's image classifier tells. */
const TOP_COUNT = 5;

export function torchserveRoutes(engine: InferenceEngine, labels: Labels): [string, HttpHandler][] {
  const predictions: HttpHandler = async (request) => {
    const { slot, bundle } = served(engine, request);
    const inputs = inputsIn(await request.body(), bundle.model.inputs);
    const { response, outputs } = await askModel(engine, slot, inputs, {
      ...requestKey(request.headers),
      ...(request.parameters["version"] === undefined ? {} : { version: bundle.model.version }),
    });
    const best = bestLabels(response.outputs[0], await labels.of(engine, response.statement)).slice(0, TOP_COUNT);
    if (best.length > 0) return jsonAnswer(Object.fromEntries(best.map(({ label, score }) => [label, score])));
    const [only, ...others] = Object.values(outputs);
    return jsonAnswer(others.length === 0 ? only : outputs);
  };
  return [
    ["POST /predictions/:model", predictions],
    ["POST /predictions/:model/:version", predictions],
    ["GET /ping", () => jsonAnswer({ status: engine.slots().every(({ ready }) => ready) ? "Healthy" : "Unhealthy" })],
  ];
}

function served(engine: InferenceEngine, { parameters }: HttpRequest) {
  return servedVersion(engine, parameters["model"] ?? "", parameters["version"]);
}
