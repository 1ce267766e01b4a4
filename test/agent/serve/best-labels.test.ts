import t from "tap";
import { bestLabels } from "../../../agent/serve/best-labels.ts";
import type { Tensor } from "../../../protocol/tensor.ts";

const scores = (...values: number[]): Tensor => ({
  name: "scores",
  datatype: "FP32",
  shape: [1, values.length],
  bytes: new Uint8Array(Float32Array.from(values).buffer),
});

t.test("labels come with their scores, the highest first", async (t) => {
  t.same(bestLabels(scores(0.25, 0.5), ["cat", "dog"]), [
    { label: "dog", score: 0.5 },
    { label: "cat", score: 0.25 },
  ]);
});

t.test("an output that is no list of one score for each label has none", async (t) => {
  t.same(bestLabels(scores(1, 2, 3, 4), ["cat", "dog"]), [], "two examples");
  t.same(bestLabels(scores(1), []), []);
  t.same(bestLabels(undefined, ["cat"]), []);
});
