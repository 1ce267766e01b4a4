/** OpenAPI 3.1 of one served model: for generators of clients, and for people who ask what to send. */
import type { Datatype, TensorSpec } from "../../protocol/tensor.ts";
import type { ServedSlot } from "../inference/inference-engine.ts";

interface Operation {
  readonly operationId: string;
  readonly summary: string;
  readonly requestBody?: object;
  readonly responses: Readonly<Record<number, object>>;
}

/** `baseUrl`: how whoever asks reached this device. */
export function modelDocs({ slot, bundle: { model } }: ServedSlot, baseUrl: string) {
  const { version, description, inputs, outputs } = model;
  return {
    openapi: "3.1.0",
    info: { title: `${slot} ${version}`, version, ...(description === undefined ? {} : { description }) },
    servers: [{ url: baseUrl }],
    paths: {
      [`/predict/${slot}`]: { post: predictOperation(inputs, outputs) },
      [`/v2/models/${slot}/infer`]: { post: inferOperation(inputs, outputs) },
      [`/v2/models/${slot}`]: {
        get: question("modelMetadata", "Its inputs and outputs, and the version that answers"),
      },
      [`/v2/models/${slot}/ready`]: { get: question("modelReady", "200 while it answers, 503 while it restarts") },
      [`/v2/models/${slot}/stats`]: { get: question("modelStatistics", "How much it was asked, and how long it took") },
      [`/v2/models/${slot}/config`]: { get: question("modelConfiguration", "Its configuration in Triton's words") },
      [`/v1/models/${slot}:predict`]: { post: tensorflowOperation(inputs) },
    } as Readonly<Record<string, Readonly<Record<string, Operation>>>>,
  };
}

function question(operationId: string, summary: string): Operation {
  return { operationId, summary, responses: { 200: answer(summary, { type: "object" }), 404: UNKNOWN } };
}

function predictOperation(inputs: readonly TensorSpec[], outputs: readonly TensorSpec[]): Operation {
  const named = { type: "object", required: names(inputs), properties: byName(inputs, nested) };
  const [only, ...others] = inputs;
  const bare = only !== undefined && others.length === 0 ? [nested(only)] : [];
  return {
    operationId: "predict",
    summary: "The shortest way to a prediction: values by the names of the inputs",
    requestBody: json({ anyOf: [{ type: "object", required: ["inputs"], properties: { inputs: named } }, ...bare] }),
    responses: {
      200: answer("The outputs, and the best labels where the bundle has labels", {
        type: "object",
        properties: {
          model: TEXT,
          version: TEXT,
          outputs: { type: "object", properties: byName(outputs, nested) },
          top: { type: "array", items: { type: "object", properties: { label: TEXT, score: { type: "number" } } } },
        },
      }),
      ...FAILURES,
    },
  };
}

function inferOperation(inputs: readonly TensorSpec[], outputs: readonly TensorSpec[]): Operation {
  const request = {
    type: "object",
    required: ["inputs"],
    properties: { id: TEXT, inputs: tensors(inputs), outputs: { type: "array", items: { type: "object" } } },
  };
  const response = {
    type: "object",
    properties: { model_name: TEXT, model_version: TEXT, id: TEXT, outputs: tensors(outputs) },
  };
  return {
    operationId: "infer",
    summary: "Open Inference Protocol v2; binary tensors with Inference-Header-Content-Length",
    requestBody: json(request),
    responses: { 200: answer("The output tensors", response), ...FAILURES },
  };
}

function tensorflowOperation(inputs: readonly TensorSpec[]): Operation {
  const columns = { type: "object", properties: byName(inputs, nested) };
  return {
    operationId: "tensorflowPredict",
    summary: "TensorFlow Serving: instances, one example each, or inputs, whole tensors",
    requestBody: json({ type: "object", properties: { instances: { type: "array" }, inputs: columns } }),
    responses: {
      200: answer("predictions for instances, outputs for inputs", {
        type: "object",
        properties: { predictions: { type: "array" }, outputs: {} },
      }),
      ...FAILURES,
    },
  };
}

const TEXT = { type: "string" };
const ERROR = { type: "object", required: ["error"], properties: { error: TEXT } };
const UNKNOWN = answer("No such model is served here", ERROR);
const FAILURES = {
  400: answer("What was sent does not fit the model; the text says what", ERROR),
  404: UNKNOWN,
  413: answer("The body is larger than 64 MiB", ERROR),
  429: answer("Too many requests wait: try again after Retry-After", ERROR),
  503: answer("The model is not available at the moment", ERROR),
  504: answer("The time that the request gave has passed", ERROR),
};

function json(schema: object) {
  return { required: true, content: { "application/json": { schema } } };
}

function answer(description: string, schema: object) {
  return { description, content: { "application/json": { schema } } };
}

function names(specs: readonly TensorSpec[]): readonly string[] {
  return specs.map(({ name }) => name);
}

function byName(specs: readonly TensorSpec[], schemaOf: (spec: TensorSpec) => object): object {
  return Object.fromEntries(specs.map((spec) => [spec.name, schemaOf(spec)]));
}

function tensors(specs: readonly TensorSpec[]): object {
  return {
    type: "array",
    items: {
      oneOf: specs.map(({ name, datatype, shape }) => ({
        type: "object",
        required: ["name", "datatype", "shape"],
        properties: {
          name: { const: name },
          datatype: { const: datatype },
          shape: {
            type: "array",
            prefixItems: shape.map((size) => (size === -1 ? { type: "integer" } : { const: size })),
          },
          data: { type: "array" },
        },
      })),
    },
  };
}

/** Arrays of arrays, as deep as the shape is long. */
function nested({ datatype, shape }: TensorSpec): object {
  return shape.reduceRight<object>(
    (items, size) => ({ type: "array", items, ...(size === -1 ? {} : { minItems: size, maxItems: size }) }),
    { type: JSON_TYPE[datatype] },
  );
}

const JSON_TYPE: Readonly<Record<Datatype, string>> = {
  BOOL: "boolean",
  UINT8: "integer",
  UINT16: "integer",
  UINT32: "integer",
  UINT64: "integer",
  INT8: "integer",
  INT16: "integer",
  INT32: "integer",
  INT64: "integer",
  FP16: "number",
  FP32: "number",
  FP64: "number",
  BYTES: "string",
};
