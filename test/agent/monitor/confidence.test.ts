import t from "tap";
import { confidenceOf } from "../../../agent/monitor/confidence.ts";
import type { Tensor } from "../../../protocol/tensor.ts";

const floats = (values: readonly number[], shape: readonly number[] = [1, values.length]): Tensor => ({
  name: "scores",
  datatype: "FP32",
  shape: [...shape],
  bytes: new Uint8Array(Float32Array.from(values).buffer),
});

const cases = [
  { when: "the scores are probabilities", outputs: [floats([0.1, 0.7, 0.2])], is: 0.7 },
  { when: "they add up to a little more than one", outputs: [floats([0.005, 1, 0.005])], is: 1 },
  // exp(2) / (exp(2) + exp(1) + exp(0)), computed with scipy.special.softmax
  { when: "they are logits", outputs: [floats([0, 1, 2])], is: 0.66524096 },
  { when: "logits are large", outputs: [floats([1_000, 0])], is: 1 },
  { when: "another output stands before the scores", outputs: [floats([3], [1]), floats([0.25, 0.75])], is: 0.75 },
  { when: "a score is no number", outputs: [floats([Number.NaN, 1])], is: undefined },
  { when: "it is one value", outputs: [floats([0.9], [1])], is: undefined },
  {
    when: "there are more scores than classes that anybody has",
    outputs: [floats(new Array<number>(10_001).fill(0))],
    is: undefined,
  },
  { when: "the bytes do not fit the shape", outputs: [floats([1, 2], [1, 3])], is: undefined },
];
for (const { when, outputs, is } of cases) {
  t.test(`${String(is)} where ${when}`, async (t) => {
    const said = confidenceOf(outputs);
    if (is === undefined) t.equal(said, undefined);
    else t.ok(Math.abs(Number(said) - is) < 1e-6, String(said));
  });
}
