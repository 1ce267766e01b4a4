import t from "tap";
import { parseModelJson } from "../../../protocol/bundle/model-json.ts";

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

const bytes = (value: unknown) => Buffer.from(JSON.stringify(value));

t.test("a complete description is read", async (t) => t.match(parseModelJson(bytes(model)), model));

t.test("an output may have a range", async (t) => {
  const ranged = { ...model, outputs: [{ name: "probabilities", datatype: "FP32", shape: [-1, 10], range: [0, 1] }] };
  t.match(parseModelJson(bytes(ranged)), ranged);
});

const refused: readonly { readonly what: string; readonly change: object; readonly names: RegExp }[] = [
  { what: "an unknown field", change: { surprise: true }, names: /surprise/ },
  { what: "a name that cannot be a topic level", change: { name: "Digits/v1" }, names: /name/ },
  { what: "a version with a path separator", change: { version: "../1" }, names: /version/ },
  {
    what: "an unknown datatype",
    change: { inputs: [{ name: "x", datatype: "FLOAT", shape: [1] }] },
    names: /inputs\/0/,
  },
  {
    what: "a range of one number",
    change: { outputs: [{ name: "y", datatype: "FP32", shape: [1], range: [0] }] },
    names: /outputs\/0\/range/,
  },
  {
    what: "a range of an input",
    change: { inputs: [{ name: "x", datatype: "FP32", shape: [1], range: [0, 1] }] },
    names: /inputs\/0\/range/,
  },
  { what: "no inputs", change: { inputs: [] }, names: /inputs/ },
  { what: "a negative rollback index", change: { rollbackIndex: -1 }, names: /rollbackIndex/ },
  { what: "a format of a later version", change: { formatVersion: 2 }, names: /formatVersion/ },
  { what: "a minimum agent that is no version", change: { minimumAgent: "latest" }, names: /minimumAgent/ },
];

for (const { what, change, names } of refused) {
  t.test(`${what} is refused, and the field is named`, async (t) => {
    t.throws(() => parseModelJson(bytes({ ...model, ...change })), { code: "SCHEMA", message: names });
  });
}

t.test("what is not JSON, not UTF-8 or too large is refused before anything is read from it", async (t) => {
  t.throws(() => parseModelJson(Buffer.from("{")), { code: "MALFORMED" });
  t.throws(() => parseModelJson(Buffer.from([0x22, 0xff, 0x22])), { code: "MALFORMED" });
  t.throws(() => parseModelJson(Buffer.alloc(300_000, " ")), { code: "OVERSIZE" });
});
