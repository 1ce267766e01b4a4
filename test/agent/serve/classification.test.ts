import t from "tap";
import { classify } from "../../../agent/serve/classification.ts";
import { valuesFromTensor } from "../../../protocol/tensor-values.ts";
import type { Tensor } from "../../../protocol/tensor.ts";

const scores = (shape: readonly number[], values: readonly number[]): Tensor => ({
  name: "scores",
  datatype: "FP32",
  shape,
  bytes: new Uint8Array(Float32Array.from(values).buffer),
});

t.test("the best classes of each example, highest first, as value:index:label", async (t) => {
  const classes = classify(scores([2, 3], [0.5, 0.25, 0.75, 1, 0, 2]), 2, ["cat", "dog", "owl"]);
  t.match(classes, { name: "scores", datatype: "BYTES", shape: [2, 2] });
  t.same(valuesFromTensor(classes), ["0.750000:2:owl", "0.500000:0:cat", "2.000000:2:owl", "1.000000:0:cat"]);
});

t.test("without labels the index stands alone, and no more classes come than there are", async (t) => {
  const classes = classify(scores([2], [1, 4]), 10, []);
  t.match(classes.shape, [2]);
  t.same(valuesFromTensor(classes), ["4.000000:1", "1.000000:0"]);
  t.match(classify(scores([0, 3], []), 2, []).shape, [0, 0]);
});

t.test("texts are no classes", async (t) => {
  t.throws(() => classify({ ...scores([1], []), datatype: "BYTES" }, 1, []), { status: 400, message: /is BYTES/ });
});
