import t from "tap";
import { areSound, ELEMENTS_CHECKED_MAX } from "../../../agent/inference/sound-outputs.ts";
import type { Tensor } from "../../../protocol/tensor.ts";
import { floats } from "../../support/model-folders.ts";

const finite = [floats("x", [2], [0, -1])];

function tensor(datatype: Tensor["datatype"], values: Uint16Array | Float64Array | BigInt64Array): Tensor {
  return { name: "y", datatype, shape: [values.length], bytes: new Uint8Array(values.buffer) };
}

const cases = [
  { what: "finite numbers", outputs: [floats("y", [2], [1e38, -0])], sound: true },
  { what: "NaN", outputs: [floats("y", [2], [1, NaN])], sound: false },
  { what: "an infinity", outputs: [floats("y", [2], [-Infinity, 1])], sound: false },
  { what: "NaN in the second output", outputs: [...finite, floats("y", [1], [NaN])], sound: false },
  { what: "a NaN of 64 bits", outputs: [tensor("FP64", Float64Array.of(1, NaN))], sound: false },
  { what: "the largest half, 65504", outputs: [tensor("FP16", Uint16Array.of(0x7bff))], sound: true },
  { what: "half an infinity", outputs: [tensor("FP16", Uint16Array.of(0, 0xfc00))], sound: false },
  { what: "half a NaN", outputs: [tensor("FP16", Uint16Array.of(0x7e01))], sound: false },
  { what: "integers of any bits", outputs: [tensor("INT64", BigInt64Array.of(-1n))], sound: true },
  { what: "no elements", outputs: [floats("y", [0], [])], sound: true },
];
for (const { what, outputs, sound } of cases) {
  t.test(`${what}: ${sound ? "sound" : "not sound"}`, async (t) => t.equal(areSound(outputs, finite), sound));
}

t.test("a model is not blamed for what came in", async (t) => {
  t.equal(areSound([floats("y", [1], [NaN])], [floats("x", [2], [1, Infinity])]), true);
});

t.test("of a large output elements at even steps are looked at", async (t) => {
  const values = new Float32Array(ELEMENTS_CHECKED_MAX * 2);
  const output = { name: "y", datatype: "FP32" as const, shape: [values.length], bytes: new Uint8Array(values.buffer) };
  values[1] = NaN;
  t.equal(areSound([output], finite), true);
  values[2] = NaN;
  t.equal(areSound([output], finite), false);
});
