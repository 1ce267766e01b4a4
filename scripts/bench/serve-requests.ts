/** One request over HTTP as bytes, so that a client has nothing to do but send it. */
import { valuesFromTensor } from "../../protocol/tensor-values.ts";
import type { BenchModel } from "./serve-models.ts";

export const FORMS = ["express-binary", "express-json", "floor-binary", "ours-binary", "ours-json"] as const;
export type Form = (typeof FORMS)[number];

export function requestOf({ bundle, inputs }: BenchModel, form: Form): Buffer {
  const [input] = inputs;
  if (input === undefined) throw new Error("the models here have one input");
  const { name, datatype, shape, bytes } = input;
  const data = form.endsWith("json") ? valuesFromTensor(input).map((value) => Number(Number(value).toFixed(4))) : [];
  const infer = `/v2/models/${bundle.model.name}/infer`;
  switch (form) {
    case "express-binary":
    case "floor-binary":
      return post("/predict", ["content-type: application/octet-stream"], Buffer.from(bytes));
    case "express-json":
      return post("/predict", ["content-type: application/json"], json({ data }));
    case "ours-json":
      return post(infer, ["content-type: application/json"], json({ inputs: [{ name, datatype, shape, data }] }));
    case "ours-binary": {
      const head = json({
        inputs: [{ name, datatype, shape, parameters: { binary_data_size: bytes.byteLength } }],
        parameters: { binary_data_output: true },
      });
      const headers = [`inference-header-content-length: ${String(head.byteLength)}`];
      return post(infer, headers, Buffer.concat([head, bytes]));
    }
  }
}

export const LIVE_PROBE = Buffer.from("GET /v2/health/live HTTP/1.1\r\nhost: bench\r\n\r\n");

function post(path: string, headers: readonly string[], body: Buffer): Buffer {
  const lines = [`POST ${path} HTTP/1.1`, "host: bench", `content-length: ${String(body.byteLength)}`, ...headers];
  return Buffer.concat([Buffer.from(`${lines.join("\r\n")}\r\n\r\n`), body]);
}

function json(value: unknown): Buffer {
  return Buffer.from(JSON.stringify(value));
}
