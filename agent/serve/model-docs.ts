/** OpenAPI 3.1 of one served model: for generators of clients, and for people who ask what to send. */
import type { Datatype, TensorSpec } from "../../protocol/tensor.ts";
import type { ServedSlot } from "../inference/inference-engine.ts";

export function modelDocs({ slot, bundle: { model } }: ServedSlot) {
  const { version, description, inputs, outputs } = model;
  return {
    openapi: "3.1.0",
    info: { title: `${slot} ${version}`, version, ...(description === undefined ? {} : { description }) },
    paths: {
      [`/predict/${slot}`]: {
        post: {
          summary: "The shortest way to a prediction",
          requestBody: json({
            type: "object",
            required: ["inputs"],
            properties: { inputs: { type: "object", required: names(inputs), properties: byName(inputs, nested) } },
          }),
          responses: {
            200: answer("The outputs, and the best labels where the bundle has labels", {
              type: "object",
              properties: {
                model: { type: "string" },
                version: { type: "string" },
                outputs: { type: "object", properties: byName(outputs, nested) },
                top: {
                  type: "array",
                  items: { type: "object", properties: { label: TEXT, score: { type: "number" } } },
                },
              },
            }),
            ...FAILURES,
          },
        },
      },
      [`/v2/models/${slot}/infer`]: {
        post: {
          summary: "Open Inference Protocol v2; binary tensors with Inference-Header-Content-Length",
          requestBody: json({
            type: "object",
            required: ["inputs"],
            properties: { id: TEXT, inputs: tensors(inputs), outputs: { type: "array", items: { type: "object" } } },
          }),
          responses: {
            200: answer("The output tensors", {
              type: "object",
              properties: { model_name: TEXT, model_version: TEXT, id: TEXT, outputs: tensors(outputs) },
            }),
            ...FAILURES,
          },
        },
      },
    },
  };
}

const TEXT = { type: "string" };
const ERROR = { type: "object", required: ["error"], properties: { error: TEXT } };
const FAILURES = {
  400: answer("What was sent does not fit the model; the text says what", ERROR),
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
