import { Type } from "typebox";
import { DeviceId, ModelName, ModelVersion } from "../../protocol/ids.ts";
import { VersionAccuracy } from "../accuracy/accuracy-shape.ts";
import { SELECTOR_CHARS_MAX } from "../rollout/rollout-spec.ts";
import { route } from "./route.ts";

/** Truth comes late: a week shows what a day does not. */
const WINDOW_SECONDS = 7 * 86_400;
/** As far back as telemetry is kept by the hour. */
const WINDOW_SECONDS_MAX = 366 * 86_400;

export const ACCURACY_ROUTES = {
  accuracy: route({
    method: "GET",
    path: "/api/v1/accuracy",
    tag: "telemetry",
    summary: "How right the versions were, by the truth that came as feedback: in all, by class, and by device",
    role: "viewer",
    query: Type.Object({
      model: Type.Optional(ModelName),
      version: Type.Optional(ModelVersion),
      device: Type.Optional(DeviceId),
      /** The devices that match, instead of the whole fleet. */
      selector: Type.Optional(Type.String({ maxLength: SELECTOR_CHARS_MAX })),
      /** Each device by itself too. */
      byDevice: Type.Optional(Type.Boolean()),
      /** Truth that came within this long. */
      windowSeconds: Type.Integer({ minimum: 60, maximum: WINDOW_SECONDS_MAX, default: WINDOW_SECONDS }),
    }),
    result: Type.Object({ fromMs: Type.Number(), toMs: Type.Number(), versions: Type.Array(VersionAccuracy) }),
  }),
} as const;
