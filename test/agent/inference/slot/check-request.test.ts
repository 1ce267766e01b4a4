import t from "tap";
import { checkRequest } from "../../../../agent/inference/slot/check-request.ts";
import type { ModelJson } from "../../../../protocol/bundle/model-json.ts";
import { digitsFolder, floats } from "../../../support/model-folders.ts";

const model: ModelJson = {
  ...digitsFolder("1.0.0").model,
  inputs: [
    { name: "image", datatype: "FP32", shape: [-1, 2] },
    { name: "scale", datatype: "INT64", shape: [] },
  ],
};
const image = floats("image", [1, 2], [0, 1]);
const scale = { name: "scale", datatype: "INT64" as const, shape: [], bytes: new Uint8Array(8) };

const cases = [
  { when: "all inputs are there, in any order", inputs: [scale, image], says: undefined },
  { when: "a wanted output is there", inputs: [image, scale], outputs: ["probabilities"], says: undefined },
  { when: "one is missing", inputs: [image], says: 'input "scale" is missing (INT64 [])' },
  {
    when: "one is unknown",
    inputs: [image, scale, floats("x", [1], [0])],
    says: 'unexpected input "x"; its inputs are "image", "scale"',
  },
  { when: "one comes twice", inputs: [image, scale, image], says: 'input "image" is given twice' },
  {
    when: "the datatype differs",
    inputs: [image, { ...scale, datatype: "INT32" as const }],
    says: 'input "scale" has datatype INT32, expected INT64',
  },
  {
    when: "a size differs",
    inputs: [floats("image", [1, 3], [0, 0, 0]), scale],
    says: 'input "image" has shape [1, 3], expected [-1, 2]',
  },
  {
    when: "the rank differs",
    inputs: [floats("image", [2], [0, 0]), scale],
    says: 'input "image" has shape [2], expected [-1, 2]',
  },
  {
    when: "bytes are missing",
    inputs: [{ ...image, bytes: new Uint8Array(7) }, scale],
    says: 'tensor "image": has 7 bytes, expected 8 for FP32 [1, 2]',
  },
  {
    when: "a wanted output is unknown",
    inputs: [image, scale],
    outputs: ["y"],
    says: 'no output "y"; its outputs are "probabilities"',
  },
];
for (const { when, inputs, outputs, says } of cases) {
  t.test(`${says === undefined ? "a request passes" : "a request is refused"} where ${when}`, async (t) => {
    const check = () => {
      checkRequest(model, { inputs, ...(outputs === undefined ? {} : { outputs }) });
    };
    if (says === undefined) t.doesNotThrow(check);
    else t.throws(check, { failure: "bad-request", message: `digits 1.0.0: ${says}` });
  });
}
