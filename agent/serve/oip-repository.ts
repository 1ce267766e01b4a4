/**
 * OIP v2, model repository extension: what is here can be listed; what comes and goes is the controller's to say. With the
 * administrator's token `unload` suspends a model on this device, and `load` resumes it: neither brings a byte.
 */
import { Type } from "typebox";
import { gate, parseJson } from "../../protocol/schema.ts";
import type { ServedSlot } from "../inference/inference-engine.ts";
import type { Access } from "./access-tokens.ts";
import { findSlot } from "./find-slot.ts";
import { HttpError, jsonAnswer, type HttpHandler, type HttpRequest } from "./http-answer.ts";
import type { Suspension } from "./suspension.ts";

/** `{"ready": true}`: only what answers. Triton's client sends no body at all. */
const IndexRequest = Type.Object({ ready: Type.Optional(Type.Boolean()) });
const checkIndex = gate("repository index request", IndexRequest);
/** Triton's client sends `{}`, and with `parameters` a configuration and files of its own. */
const ChangeRequest = Type.Object({ parameters: Type.Optional(Type.Record(Type.String(), Type.Unknown())) });
const checkChange = gate("repository request", ChangeRequest);
const REQUEST_BYTES_MAX = 65_536;

export function oipRepositoryRoutes(suspension: Suspension, access: Access): [string, HttpHandler][] {
  const { engine, suspend, resume, suspended } = suspension;
  return [
    [
      "POST /v2/repository/index",
      async ({ body }) => {
        const bytes = await body();
        const wanted =
          bytes.byteLength === 0 ? {} : parseJson("repository index request", bytes, REQUEST_BYTES_MAX, checkIndex);
        const here = engine.slots().map((served) => entry(served, served.ready ? "" : "its runner restarts"));
        const away = suspended().map((served) => entry(served, "suspended by this device's administrator"));
        return jsonAnswer([...here, ...away].filter(({ state }) => wanted.ready !== true || state === "READY"));
      },
    ],
    [
      "POST /v2/repository/models/:model/load",
      async (request) => {
        access.checkAdmin(request.headers);
        await refuseBytes(request);
        const name = request.parameters["model"] ?? "";
        const away = suspended().find(({ slot }) => slot === name);
        resume((away ?? findSlot(engine, name)).slot);
        return jsonAnswer({});
      },
    ],
    [
      "POST /v2/repository/models/:model/unload",
      (request) => {
        access.checkAdmin(request.headers);
        const name = request.parameters["model"] ?? "";
        const away = suspended().find(({ slot }) => slot === name);
        suspend((away ?? findSlot(engine, name)).slot);
        return jsonAnswer({});
      },
    ],
  ];
}

/** Whoever has the token may not bring bytes either: those that run are signed. */
async function refuseBytes({ body }: HttpRequest): Promise<void> {
  const bytes = await body();
  if (bytes.byteLength === 0) return;
  const brought = bytes.byteLength > REQUEST_BYTES_MAX || hasParameters(bytes);
  if (!brought) return;
  throw new HttpError(
    403,
    "Only signed bundles are loaded here, and the controller brings them: load takes no files and no configuration",
  );
}

function hasParameters(bytes: Uint8Array): boolean {
  const { parameters = {} } = parseJson("repository request", bytes, REQUEST_BYTES_MAX, checkChange);
  return Object.keys(parameters).length > 0;
}

function entry({ slot, bundle }: ServedSlot, reason: string) {
  return { name: slot, version: bundle.model.version, state: reason === "" ? "READY" : "UNAVAILABLE", reason };
}
