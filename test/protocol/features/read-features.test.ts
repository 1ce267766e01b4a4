import t from "tap";
import { featureLayout } from "../../../protocol/features/feature-layout.ts";
import { examplesIn, FeatureReader, type FeatureValue } from "../../../protocol/features/read-features.ts";
import type { Tensor, TensorSpec } from "../../../protocol/tensor.ts";
import { tensorFromValues } from "../../../protocol/tensor-values.ts";

function read(inputs: TensorSpec[], outputs: TensorSpec[], tensors: readonly Tensor[], example = 0) {
  const layout = featureLayout({ inputs, outputs });
  const told: Record<string, FeatureValue> = {};
  new FeatureReader(layout, tensors).read(example, (feature, value) => (told[feature] = value));
  return { told, examples: examplesIn(layout, tensors) };
}

const spec = (name: string, shape: number[], datatype: TensorSpec["datatype"] = "FP32"): TensorSpec => ({
  name,
  datatype,
  shape,
});

t.test("each example of a batch has its own values", async (t) => {
  const x = tensorFromValues({ name: "x", datatype: "FP32", shape: [2, 2] }, [1, 2, 3, 4]);
  const scores = tensorFromValues({ name: "s", datatype: "FP32", shape: [2, 3] }, [0.5, 0.25, 0.25, 0, 0.25, 0.75]);
  const { told, examples } = read([spec("x", [-1, 2])], [spec("s", [-1, 3])], [x, scores], 1);
  t.equal(examples, 2);
  t.same(told, { "x[0]": 3, "x[1]": 4, "s.class": "2", "s.confidence": 0.75 });
});

t.test("a large input is summed up", async (t) => {
  const shape = [1, 100];
  const values = Array.from({ length: 100 }, (_, at) => at);
  const { told } = read([spec("x", shape)], [], [tensorFromValues({ name: "x", datatype: "FP32", shape }, values)]);
  t.match(told, { "x.mean": 49.5, "x.min": 0, "x.max": 99 });
  t.ok(Math.abs(Number(told["x.std"]) - 28.866) < 1e-3);
});

t.test("what is no finite number is missing, and a text never tells itself", async (t) => {
  const bytes = new Uint8Array(Float32Array.from([NaN, Infinity]).buffer);
  t.same(read([spec("x", [-1, 2])], [], [{ name: "x", datatype: "FP32", shape: [1, 2], bytes }]).told, {
    "x[0]": undefined,
    "x[1]": undefined,
  });
  const text = tensorFromValues({ name: "x", datatype: "BYTES", shape: [1] }, ["alice"]);
  t.match(read([spec("x", [-1], "BYTES")], [], [text]).told, { x: /^#\d+$/ });
  const broken = { name: "x", datatype: "FP32", shape: [1, 2], bytes: new Uint8Array(3) } as const;
  t.same(read([spec("x", [-1, 2])], [], [broken]).told, {}, "a tensor that cannot be read has none");
});
