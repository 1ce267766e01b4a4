import { Type } from "typebox";
import { DeviceId, ModelName, ModelVersion } from "../../protocol/ids.ts";
import { FEATURE_CHARS_MAX } from "../../protocol/messages/telemetry-distribution.ts";
import { AnomalyVerdict } from "../drift/anomaly-shape.ts";
import { ClassVerdict } from "../drift/class-shape.ts";
import { DriftBin, DriftVerdict } from "../drift/drift-shape.ts";
import { route } from "./route.ts";

const WINDOW_SECONDS = 86_400;
const WINDOW_SECONDS_MAX = 31 * 86_400;

const lookedAt = {
  model: Type.Optional(ModelName),
  version: Type.Optional(ModelVersion),
  device: Type.Optional(DeviceId),
  /** How far back examples are looked at; drift compares the newest that suffice. */
  windowSeconds: Type.Integer({ minimum: 60, maximum: WINDOW_SECONDS_MAX, default: WINDOW_SECONDS }),
};

const driftQuery = {
  ...lookedAt,
  /** Compare with what the fleet measured then, in milliseconds since 1970, instead of a baseline; both or none. */
  referenceFromMs: Type.Optional(Type.Integer({ minimum: 0 })),
  referenceToMs: Type.Optional(Type.Integer({ minimum: 0 })),
};

export const DRIFT_ROUTES = {
  driftStatus: route({
    method: "GET",
    path: "/api/v1/drift",
    tag: "telemetry",
    summary: "Which inputs and outputs of which models are distributed otherwise than their reference",
    role: "viewer",
    query: Type.Object(driftQuery),
    result: Type.Object({ verdicts: Type.Array(DriftVerdict) }),
  }),
  driftFeature: route({
    method: "GET",
    path: "/api/v1/drift/feature",
    tag: "telemetry",
    summary: "One input or output of a model: histograms of its reference and of now, for each version that is in use",
    role: "viewer",
    query: Type.Object({
      ...driftQuery,
      model: ModelName,
      feature: Type.String({ minLength: 1, maxLength: FEATURE_CHARS_MAX }),
    }),
    result: Type.Object({
      pictures: Type.Array(Type.Object({ verdict: DriftVerdict, bins: Type.Array(DriftBin) })),
      /** All features of the model that are known, for whoever misspelt one. */
      features: Type.Array(Type.String()),
    }),
  }),
  driftDevices: route({
    method: "GET",
    path: "/api/v1/drift/devices",
    tag: "telemetry",
    summary: "Which devices' inputs and outputs are distributed otherwise than on the others of their hardware class",
    role: "viewer",
    query: Type.Object({
      model: Type.Optional(ModelName),
      version: Type.Optional(ModelVersion),
      windowSeconds: lookedAt.windowSeconds,
    }),
    result: Type.Object({ verdicts: Type.Array(ClassVerdict) }),
  }),
  anomalies: route({
    method: "GET",
    path: "/api/v1/anomalies",
    tag: "telemetry",
    summary: "On which devices more inputs are unusual than in the bundle's baseline",
    role: "viewer",
    query: Type.Object({
      ...lookedAt,
      /** One verdict for each device and version, or for each version over all its devices. */
      by: Type.Union([Type.Literal("device"), Type.Literal("model")], { default: "device" }),
    }),
    result: Type.Object({ verdicts: Type.Array(AnomalyVerdict) }),
  }),
} as const;
