import t from "tap";
import { tritonConfig } from "../../../agent/serve/oip-config.ts";
import { modelDocs } from "../../../agent/serve/model-docs.ts";
import type { ServedSlot } from "../../../agent/inference/inference-engine.ts";
import { DIGITS, EVIDENCE, modelJson, statement } from "../../support/device-views.ts";

const model = modelJson("2.0.0", {
  labels: "labels.txt",
  description: "which digit it is",
  inputs: [
    { name: "pixels", datatype: "FP32", shape: [-1, 64] },
    { name: "hint", datatype: "BYTES", shape: [1] },
  ],
});
const served: ServedSlot = {
  slot: DIGITS,
  bundle: { directory: "", statement: statement("a"), model },
  evidence: EVIDENCE,
  sinceMs: 0,
  ready: true,
};

t.test("a model is described in the words of Triton's configuration", async (t) => {
  t.match(tritonConfig(served), {
    name: "digits",
    max_batch_size: 0,
    input: [
      { name: "pixels", data_type: "TYPE_FP32", dims: [-1, 64] },
      { name: "hint", data_type: "TYPE_STRING", dims: [1] },
    ],
    output: [{ name: "probabilities", label_filename: "labels.txt" }],
    instance_group: [{ kind: "KIND_CPU", count: 1 }],
    parameters: { statement: { string_value: statement("a") } },
  });
});

t.test("a model with batches has Triton's implicit batch dimension", async (t) => {
  const { inputs, ...rest } = modelJson("2.0.0", { serving: { batching: { maxBatch: 8, maxDelayMs: 0.5 } } });
  const [pixels] = inputs;
  t.same(pixels?.shape, [-1, 64]);
  t.match(tritonConfig({ ...served, bundle: { ...served.bundle, model: { inputs, ...rest } } }), {
    max_batch_size: 8,
    dynamic_batching: { max_queue_delay_microseconds: 500 },
    input: [{ name: "pixels", dims: [64] }],
    output: [{ dims: [10] }],
  });
});

t.test("and in those of OpenAPI, where each input must be there in its shape", async (t) => {
  const docs = modelDocs(served, "http://cam-1:8080");
  t.match(docs, { openapi: "3.1.0", info: { title: "digits 2.0.0", description: "which digit it is" } });
  t.match(docs.paths["/predict/digits"], {
    post: {
      requestBody: {
        content: {
          "application/json": {
            schema: {
              anyOf: [
                {
                  properties: {
                    inputs: {
                      required: ["pixels", "hint"],
                      properties: {
                        pixels: { type: "array", items: { type: "array", minItems: 64, items: { type: "number" } } },
                        hint: { items: { type: "string" } },
                      },
                    },
                  },
                },
              ],
            },
          },
        },
      },
    },
  });
});
