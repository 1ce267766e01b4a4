import t from "tap";
import { parseModelJson } from "../../../protocol/bundle/model-json.ts";
import { hasRows } from "../../../protocol/bundle/serving.ts";

const model = {
  formatVersion: 1,
  name: "digits",
  version: "1.0.0",
  release: 1,
  rollbackIndex: 0,
  file: "model.onnx",
  inputs: [{ name: "pixels", datatype: "FP32", shape: [-1, 64] }],
  outputs: [{ name: "probabilities", datatype: "FP32", shape: [-1, 10] }],
  golden: "golden.json",
  compatible: ["*"],
};

const parse = (change: object) => parseModelJson(Buffer.from(JSON.stringify({ ...model, ...change })));

t.test("a model says how it is served, as far as it cares", async (t) => {
  for (const serving of [{}, { instances: 2, intraOpThreads: 1 }, { batching: { maxBatch: 8, maxDelayMs: 0.5 } }]) {
    t.match(parse({ serving }), { serving });
  }
});

const refused = [
  { what: "no instance", serving: { instances: 0 }, names: /serving\/instances/ },
  { what: "a batch of one", serving: { batching: { maxBatch: 1 } }, names: /serving\/batching\/maxBatch/ },
  { what: "a wait that people notice", serving: { batching: { maxBatch: 2, maxDelayMs: 101 } }, names: /maxDelayMs/ },
  { what: "an unknown field", serving: { threads: 4 }, names: /serving\/threads/ },
] as const;
for (const { what, serving, names } of refused) {
  t.test(`${what} is refused, and the field is named`, async (t) => {
    t.throws(() => parse({ serving }), { code: "SCHEMA", message: names });
  });
}

t.test("batches need rows in every input and output, and the one that has none is named", async (t) => {
  const outputs = [{ name: "probabilities", datatype: "FP32", shape: [1, 10] }];
  t.throws(() => parse({ outputs, serving: { batching: { maxBatch: 2 } } }), {
    code: "SCHEMA",
    message: /serving\/batching needs -1 as the first dimension of every .*; "probabilities" has the shape \[1, 10\]/,
  });
  t.ok(hasRows(parse({})));
  t.notOk(hasRows(parse({ outputs })));
  t.notOk(hasRows(parse({ inputs: [{ name: "rate", datatype: "INT64", shape: [] }] })), "a scalar has none");
});
