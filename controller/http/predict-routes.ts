import { Type, type Static } from "typebox";
import { DeviceId, ModelName, ModelVersion } from "../../protocol/ids.ts";
import { PREDICT_BYTES_MAX, TENSORS_MAX } from "../../protocol/limits.ts";
import { FeedbackAnswer, FeedbackEntries } from "../../protocol/messages/feedback.ts";
import { PREDICT_TIMEOUT_MS_MAX, PredictId } from "../../protocol/messages/predict-request.ts";
import { PredictTimes } from "../../protocol/messages/predict-response.ts";
import { PredictionResults } from "../../protocol/prediction-results.ts";
import { Datatype, Shape } from "../../protocol/tensor.ts";
import { route } from "./route.ts";

/** OIP v2: values in row-major order, flat or nested as the shape is. */
const JsonTensor = Type.Object({
  name: Type.String({ minLength: 1, maxLength: 256 }),
  datatype: Datatype,
  shape: Shape,
  data: Type.Unknown(),
});
export type JsonTensor = Static<typeof JsonTensor>;

/** As much as one prediction over MQTT carries, in base64. */
const MEDIA_CHARS_MAX = Math.ceil(PREDICT_BYTES_MAX / 3) * 4;

/** An OIP v2 inference request, as the device's own HTTP port takes it. */
export const PredictBody = Type.Object({
  /** Or values by the names of the inputs, nested as their shape is: the catalogue knows the datatypes. */
  inputs: Type.Optional(
    Type.Union([
      Type.Array(JsonTensor, { minItems: 1, maxItems: TENSORS_MAX }),
      Type.Record(Type.String({ maxLength: 256 }), Type.Unknown(), { minProperties: 1, maxProperties: TENSORS_MAX }),
    ]),
  ),
  /** A JPEG, PNG or WAV file in base64, for a model whose description says what becomes of it. */
  media: Type.Optional(Type.String({ minLength: 1, maxLength: MEDIA_CHARS_MAX })),
  /** The outputs wanted, in this order; absent: all. */
  outputs: Type.Optional(Type.Array(Type.Object({ name: Type.String() }), { maxItems: TENSORS_MAX })),
  /** What the request is called, also by feedback that comes later; absent: a random one, which the answer tells. */
  id: Type.Optional(PredictId),
  /** Requests of one key are answered by one version while another soaks beside it. */
  key: Type.Optional(Type.String({ minLength: 1, maxLength: 256 })),
  /** Only this version may answer. */
  version: Type.Optional(ModelVersion),
  /** How long an answer is of use. */
  timeoutMs: Type.Optional(Type.Integer({ minimum: 1, maximum: PREDICT_TIMEOUT_MS_MAX })),
});
export type PredictBody = Static<typeof PredictBody>;

/** As OIP v2 names it. */
export const PredictAnswer = Type.Object({
  model_name: ModelName,
  model_version: ModelVersion,
  id: Type.String(),
  outputs: Type.Array(JsonTensor),
  /** To a picture or sound: what the outputs mean, and what it took on the device. */
  results: Type.Optional(PredictionResults),
  times: Type.Optional(PredictTimes),
  /** Milliseconds from the request's departure to the answer's arrival here. */
  parameters: Type.Object({ round_trip_ms: Type.Number() }),
});
export type PredictAnswer = Static<typeof PredictAnswer>;

const FeedbackBody = Type.Object({
  feedback: FeedbackEntries,
  /** How long to wait for the device. */
  timeoutMs: Type.Optional(Type.Integer({ minimum: 1, maximum: PREDICT_TIMEOUT_MS_MAX })),
});

export const PREDICT_ROUTES = {
  feedback: route({
    method: "POST",
    path: "/api/v1/devices/:device/models/:model/feedback",
    tag: "devices",
    summary: "Tells a device what was true of predictions that it made before, over MQTT",
    role: "annotator",
    changes: true,
    params: Type.Object({ device: DeviceId, model: ModelName }),
    body: FeedbackBody,
    result: FeedbackAnswer,
  }),
  predict: route({
    method: "POST",
    path: "/api/v1/devices/:device/models/:model/predict",
    tag: "devices",
    summary: "Asks a model on a device over MQTT (Open Inference Protocol v2)",
    role: "operator",
    params: Type.Object({ device: DeviceId, model: ModelName }),
    body: PredictBody,
    result: PredictAnswer,
  }),
} as const;
