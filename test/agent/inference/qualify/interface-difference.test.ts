import t from "tap";
import { interfaceDifference } from "../../../../agent/inference/qualify/interface-difference.ts";
import type { ModelJson } from "../../../../protocol/bundle/model-json.ts";
import { digitsFolder } from "../../../support/model-folders.ts";

const loaded = {
  knownProviders: ["cpu"],
  ignoredOptions: [],
  loadMs: 1,
  inputs: [{ name: "x", datatype: "FP32" as const, shape: [-1, 64] }],
  outputs: [
    { name: "y", datatype: "FP32" as const, shape: [-1, 10] },
    { name: "z", datatype: "INT64" as const, shape: [-1] },
  ],
};
const x = { name: "x", datatype: "FP32" as const, shape: [-1, 64] };
const y = { name: "y", datatype: "FP32" as const, shape: [-1, 10] };

const cases: { when: string; inputs?: ModelJson["inputs"]; outputs?: ModelJson["outputs"]; says?: string }[] = [
  { when: "both agree" },
  { when: "the description fixes a size that the file leaves open", inputs: [{ ...x, shape: [1, 64] }] },
  {
    when: "the description opens a size that the file fixes",
    inputs: [{ ...x, shape: [-1, -1] }],
    says: 'model.json declares the input "x" as FP32 [-1, -1], the ONNX file as FP32 [-1, 64]',
  },
  {
    when: "the rank differs",
    outputs: [{ ...y, shape: [10] }],
    says: 'model.json declares the output "y" as FP32 [10], the ONNX file as FP32 [-1, 10]',
  },
  {
    when: "the datatype differs",
    inputs: [{ ...x, datatype: "UINT8" }],
    says: 'model.json declares the input "x" as UINT8 [-1, 64], the ONNX file as FP32 [-1, 64]',
  },
  {
    when: "the file has no such input",
    inputs: [x, { ...x, name: "mask" }],
    says: 'model.json declares the input "mask", which the ONNX file does not have; it has "x"',
  },
  {
    when: "the description leaves out an input",
    inputs: [],
    says: 'the ONNX file needs the input "x" (FP32 [-1, 64]), which model.json does not declare',
  },
];
for (const { when, inputs = [x], outputs = [y], says } of cases) {
  t.test(`${says === undefined ? "no difference" : "a difference"} where ${when}`, async (t) => {
    t.equal(interfaceDifference({ ...digitsFolder("1.0.0").model, inputs, outputs }, loaded), says);
  });
}
