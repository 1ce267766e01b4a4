/** Predictions over MQTT: the fields of the Open Inference Protocol v2, as CBOR, or as JSON for whoever types by hand. */
import { Type, type Static } from "typebox";
import { decodeCbor, encodeCbor } from "../cbor.ts";
import { ModelName, ModelVersion } from "../ids.ts";
import { PREDICT_BYTES_MAX, TENSORS_MAX, TOPIC_BYTES_MAX } from "../limits.ts";
import { ProtocolError } from "../protocol-error.ts";
import { gate, parseJson } from "../schema.ts";
import { FeedbackEntries } from "./feedback.ts";
import { tensorFromValues, valuesFromTensor } from "../tensor-values.ts";
import { Datatype, Shape, type Tensor } from "../tensor.ts";
import { decodeBase64 } from "../trust/base64.ts";

/** Told by the first byte: JSON begins with `{`, which no CBOR map does. An answer comes in the encoding of its request. */
export type PredictEncoding = "cbor" | "json";

/** Chosen by the caller, unique among its requests of the last minutes: the same id again is the same request again. */
export const PredictId = Type.String({ minLength: 1, maxLength: 64 });

/** How long a caller may wait: within it a runner can restart even on a small board. */
export const PREDICT_TIMEOUT_MS_MAX = 60_000;

export const PredictTensor = Type.Object({
  name: Type.String({ minLength: 1, maxLength: 256 }),
  datatype: Datatype,
  shape: Shape,
  /** The little-endian bytes; or, as JSON must, the values in an array, flat or nested. */
  data: Type.Unknown(),
});
type PredictTensor = Static<typeof PredictTensor>;

/** More classes than any label file has lines. */
export const CLASSES_MAX = 1_000_000;

/** An output's name, alone or as OIP v2 has it. */
const WantedOutput = Type.Union([
  Type.String({ maxLength: 256 }),
  Type.Object({
    name: Type.String({ maxLength: 256 }),
    parameters: Type.Optional(
      Type.Object({
        /** So many of the best classes as texts `score:index:label` instead of the numbers. */
        classification: Type.Optional(Type.Integer({ minimum: 0, maximum: CLASSES_MAX })),
      }),
    ),
  }),
]);

/** Caller → device, QoS 0 or 1, on the device's topic for the model. */
const PredictRequestMessage = Type.Object({
  id: PredictId,
  /** The caller's own answer topic whose last level is the device that is asked; a device answers on no other. */
  replyTo: Type.String({ minLength: 1, maxLength: TOPIC_BYTES_MAX }),
  /** From the moment at which the device has the request: a point in time would mean nothing to a clock that is at 1970. */
  timeoutMs: Type.Integer({ minimum: 1, maximum: PREDICT_TIMEOUT_MS_MAX }),
  model: ModelName,
  /** Only this version may answer; absent: whichever is active. */
  version: Type.Optional(ModelVersion),
  /** Requests of one key are answered by one version while another soaks beside it; absent: `id` stands for it. */
  key: Type.Optional(Type.String({ minLength: 1, maxLength: 256 })),
  /** None only beside `media`. */
  inputs: Type.Array(PredictTensor, { maxItems: TENSORS_MAX }),
  /**
   * A JPEG, PNG or WAV file, which the device makes an input of as the model's signed `preprocessing` says: its bytes; or, as
   * JSON must, base64. `inputs` then has only what stands in place of the model's constants and states.
   */
  media: Type.Optional(Type.Unknown()),
  /** Those that are wanted, in this order; absent: all. */
  outputs: Type.Optional(Type.Array(WantedOutput, { maxItems: TENSORS_MAX })),
});
type PredictRequestMessage = Static<typeof PredictRequestMessage>;

/** Caller → device, in the place of a request: truth for predictions that were made before. */
const FeedbackMessage = Type.Object({
  id: PredictId,
  replyTo: PredictRequestMessage.properties.replyTo,
  model: ModelName,
  feedback: FeedbackEntries,
});
export type FeedbackMessage = Static<typeof FeedbackMessage>;

/** A request in memory. */
export interface PredictRequest extends Omit<PredictRequestMessage, "inputs" | "media"> {
  readonly inputs: readonly Tensor[];
  readonly media?: Uint8Array;
}

/** What every request must say before anything can be answered. */
export interface PredictEnvelope {
  readonly id: string;
  readonly replyTo: string;
  readonly encoding: PredictEncoding;
  /** Undefined where it is no feedback but a request; throws a ProtocolError that can be answered to `replyTo`. */
  readonly feedback: () => FeedbackMessage | undefined;
  /** The rest; throws a ProtocolError that can be answered to `replyTo`. */
  readonly request: () => PredictRequest;
}

export function encodePredictRequest(request: PredictRequest, encoding: PredictEncoding = "cbor"): Uint8Array {
  const { media, ...rest } = request;
  const carried = encoding === "json" && media !== undefined ? Buffer.from(media).toString("base64") : media;
  const message = { ...rest, inputs: encodeTensors(request.inputs, encoding) };
  return encodePredictMessage(media === undefined ? message : { ...message, media: carried }, encoding);
}

export function encodeFeedbackMessage(message: FeedbackMessage, encoding: PredictEncoding = "cbor"): Uint8Array {
  return encodePredictMessage(message, encoding);
}

const checkFeedback = gate("feedback", FeedbackMessage);
const checkEnvelope = gate(
  "predict request",
  Type.Object({ id: PredictId, replyTo: PredictRequestMessage.properties.replyTo }),
);
const checkRequest = gate("predict request", PredictRequestMessage);

/** Throws OVERSIZE, MALFORMED or SCHEMA for a message to which nobody could be answered. */
export function decodePredictRequest(bytes: Uint8Array): PredictEnvelope {
  const { value, encoding } = decodePredictMessage("predict request", bytes);
  const { id, replyTo } = checkEnvelope(value);
  return {
    id,
    replyTo,
    encoding,
    feedback: () =>
      typeof value === "object" && value !== null && "feedback" in value ? checkFeedback(value) : undefined,
    request: () => {
      const { media, ...message } = checkRequest(value);
      if (media === undefined && message.inputs.length === 0) {
        throw new ProtocolError("SCHEMA", "predict request", "/inputs must not be empty where there is no media");
      }
      const inputs = message.inputs.map(decodeTensor);
      return media === undefined ? { ...message, inputs } : { ...message, inputs, media: mediaBytes(media) };
    },
  };
}

function mediaBytes(media: unknown): Uint8Array {
  if (media instanceof Uint8Array) return media;
  if (typeof media === "string") return decodeBase64("predict request", media);
  throw new ProtocolError("SCHEMA", "predict request", "/media must be the bytes of a file, or base64");
}

/** Shared with the response: one message in either encoding. */
export function encodePredictMessage(value: unknown, encoding: PredictEncoding): Uint8Array {
  return encoding === "json" ? Buffer.from(JSON.stringify(value)) : encodeCbor(value);
}

/** Throws OVERSIZE or MALFORMED; the value has passed no schema yet. */
export function decodePredictMessage(
  subject: string,
  bytes: Uint8Array,
): { value: unknown; encoding: PredictEncoding } {
  const asItIs = (value: unknown) => value;
  if (bytes[0] === "{".charCodeAt(0)) {
    return { value: parseJson(subject, bytes, PREDICT_BYTES_MAX, asItIs), encoding: "json" };
  }
  return { value: decodeCbor(subject, bytes, PREDICT_BYTES_MAX, asItIs), encoding: "cbor" };
}

/** Throws SCHEMA for values that JSON cannot carry. */
export function encodeTensors(tensors: readonly Tensor[], encoding: PredictEncoding): PredictTensor[] {
  return tensors.map((tensor) => {
    const { name, datatype, shape, bytes } = tensor;
    return { name, datatype, shape: [...shape], data: encoding === "json" ? valuesFromTensor(tensor) : bytes };
  });
}

/** Whether bytes fit the shape is for who uses them to check. Throws SCHEMA for values that do not fit. */
export function decodeTensor({ name, datatype, shape, data }: PredictTensor): Tensor {
  if (data instanceof Uint8Array) return { name, datatype, shape, bytes: data };
  return tensorFromValues({ name, datatype, shape }, data);
}
