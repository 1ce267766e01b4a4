/** OIP v2, model repository extension: what is here can be listed; what comes and goes is the controller's to say. */
import { Type } from "typebox";
import { gate, parseJson } from "../../protocol/schema.ts";
import type { InferenceEngine } from "../inference/inference-engine.ts";
import { findSlot } from "./find-slot.ts";
import { HttpError, jsonAnswer, type HttpHandler } from "./http-answer.ts";

/** `{"ready": true}`: only what answers. Triton's client sends no body at all. */
const IndexRequest = Type.Object({ ready: Type.Optional(Type.Boolean()) });
const checkIndex = gate("repository index request", IndexRequest);
const INDEX_BYTES_MAX = 65_536;

export function oipRepositoryRoutes(engine: Pick<InferenceEngine, "slots">): [string, HttpHandler][] {
  return [
    [
      "POST /v2/repository/index",
      async ({ body }) => {
        const bytes = await body();
        const wanted =
          bytes.byteLength === 0 ? {} : parseJson("repository index request", bytes, INDEX_BYTES_MAX, checkIndex);
        const slots = engine.slots().filter(({ ready }) => ready || wanted.ready !== true);
        return jsonAnswer(
          slots.map(({ slot, bundle, ready }) => ({
            name: slot,
            version: bundle.model.version,
            state: ready ? "READY" : "UNAVAILABLE",
            reason: ready ? "" : "its runner restarts",
          })),
        );
      },
    ],
    [
      "POST /v2/repository/models/:model/load",
      ({ parameters }) => {
        // Loading what is loaded is no change; an unknown name is told as everywhere else.
        findSlot(engine, parameters["model"] ?? "");
        return jsonAnswer({});
      },
    ],
    [
      "POST /v2/repository/models/:model/unload",
      ({ parameters }) => {
        findSlot(engine, parameters["model"] ?? "");
        throw new HttpError(
          403,
          "Models come signed from the controller and go by its word: `ferry rollout create` brings another one",
        );
      },
    ],
  ];
}
