import t from "tap";
import { codesIn } from "../../../controller/bundles/codes-in.ts";
import { featureLayout, typedAs } from "../../../protocol/features/feature-layout.ts";
import { FeatureReader } from "../../../protocol/features/read-features.ts";
import { tensorFromValues } from "../../../protocol/tensor-values.ts";
import type { TensorSpec } from "../../../protocol/tensor.ts";

const inputs: TensorSpec[] = [{ name: "x", datatype: "INT64", shape: [-1, 2] }];
const [part] = featureLayout({ inputs, outputs: [] });
if (part === undefined) throw new Error("the input is watched");
const values = (count: number) =>
  new Map([
    ["x[0]", Array.from({ length: count }, (_, at) => at % 12)],
    ["x[1]", Array.from({ length: count }, (_, at) => at)],
  ]);

t.test("whole numbers of which there are few are codes, and devices count them as such", async (t) => {
  const codes = codesIn(part, inputs, values(200));
  t.match(codes, [{ name: "x[0]", type: "category" }]);
  t.equal(codes.length, 1);
  const layout = typedAs([part], codes);
  const tensor = tensorFromValues({ name: "x", datatype: "INT64", shape: [1, 2] }, [[7, 7]]);
  const told: unknown[] = [];
  new FeatureReader(layout, [tensor]).read(0, (feature, value) => told.push([feature, value]));
  t.same(told, [
    ["x[0]", "7"],
    ["x[1]", 7],
  ]);
});

t.test("few samples, and numbers with a point, are no codes", async (t) => {
  t.same(codesIn(part, inputs, values(50)), []);
  t.same(codesIn(part, [{ name: "x", datatype: "FP32", shape: [-1, 2] }], values(200)), []);
});
