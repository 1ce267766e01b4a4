import t from "tap";
import { ELEMENTS_CHECKED_MAX, faultOf } from "../../../../agent/inference/runner/sound-outputs.ts";
import type { Tensor } from "../../../../protocol/tensor.ts";
import { floats } from "../../../support/model-folders.ts";

const finite = [floats("x", [2], [0, -1])];

const ranges = { p: [0, 1], class: [0, 6] } as const;

function tensor(datatype: Tensor["datatype"], values: Uint16Array | Float64Array | BigInt64Array, name = "y"): Tensor {
  return { name, datatype, shape: [values.length], bytes: new Uint8Array(values.buffer) };
}

const cases = [
  { what: "finite numbers", outputs: [floats("y", [2], [1e38, -0])], fault: undefined },
  { what: "NaN", outputs: [floats("y", [2], [1, NaN])], fault: "not-finite" },
  { what: "an infinity", outputs: [floats("y", [2], [-Infinity, 1])], fault: "not-finite" },
  { what: "NaN in the second output", outputs: [...finite, floats("y", [1], [NaN])], fault: "not-finite" },
  { what: "a NaN of 64 bits", outputs: [tensor("FP64", Float64Array.of(1, NaN))], fault: "not-finite" },
  { what: "the largest half, 65504", outputs: [tensor("FP16", Uint16Array.of(0x7bff))], fault: undefined },
  { what: "half an infinity", outputs: [tensor("FP16", Uint16Array.of(0, 0xfc00))], fault: "not-finite" },
  { what: "half a NaN", outputs: [tensor("FP16", Uint16Array.of(0x7e01))], fault: "not-finite" },
  { what: "integers of any bits", outputs: [tensor("INT64", BigInt64Array.of(-1n))], fault: undefined },
  { what: "no elements", outputs: [floats("y", [0], [])], fault: undefined },
  { what: "the ends of a range", outputs: [floats("p", [2], [0, 1])], fault: undefined },
  { what: "a value above a range", outputs: [floats("p", [2], [0, 1.01])], fault: "out-of-range" },
  { what: "a value below a range", outputs: [floats("p", [1], [-0.01])], fault: "out-of-range" },
  { what: "NaN where there is a range", outputs: [floats("p", [1], [NaN])], fault: "not-finite" },
  { what: "an integer outside", outputs: [tensor("INT64", BigInt64Array.of(7n), "class")], fault: "out-of-range" },
];
for (const { what, outputs, fault } of cases) {
  t.test(`${what}: ${fault ?? "sound"}`, async (t) => t.equal(faultOf(outputs, finite, ranges), fault));
}

t.test("a model is not blamed for what came in", async (t) => {
  t.equal(faultOf([floats("p", [1], [NaN])], [floats("x", [2], [1, Infinity])], ranges), undefined);
});

t.test("of a large output elements at even steps are looked at", async (t) => {
  const values = new Float32Array(ELEMENTS_CHECKED_MAX * 2);
  const output = { name: "y", datatype: "FP32" as const, shape: [values.length], bytes: new Uint8Array(values.buffer) };
  values[1] = NaN;
  t.equal(faultOf([output], finite, ranges), undefined);
  values[2] = NaN;
  t.equal(faultOf([output], finite, ranges), "not-finite");
});
