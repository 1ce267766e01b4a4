import t from "tap";
import { ELEMENTS_MAX, featureLayout, FEATURES_MAX } from "../../../protocol/features/feature-layout.ts";
import type { TensorSpec } from "../../../protocol/tensor.ts";

const input = (name: string, shape: number[], datatype: TensorSpec["datatype"] = "FP32"): TensorSpec => ({
  name,
  datatype,
  shape,
});

const cases = [
  { what: "few values, each by itself", in: input("x", [-1, 2]), out: ["x[0]", "x[1]"] },
  { what: "one value", in: input("x", [-1, 1]), out: ["x"] },
  { what: "a picture, summed up", in: input("x", [1, 3, 32, 32]), out: ["x.mean", "x.std", "x.min", "x.max"] },
  { what: "a length that varies, summed up", in: input("x", [1, -1]), out: ["x.mean", "x.std", "x.min", "x.max"] },
  { what: "a text", in: input("x", [-1, 1], "BYTES"), out: ["x"] },
];
for (const { what, in: spec, out } of cases) {
  t.test(`an input has these features: ${what}`, async (t) => {
    const [part] = featureLayout({ inputs: [spec], outputs: [] });
    t.same(
      part?.features.map(({ name }) => name),
      out,
    );
  });
}

t.test("of scores the class and its confidence are features, of a regression its values", async (t) => {
  const outputs = [
    input("scores", [-1, 10]),
    input("label", [-1], "INT64"),
    input("box", [1, 1, 4]),
    input("map", [1, 40, 40]),
  ];
  t.same(
    featureLayout({ inputs: [], outputs }).flatMap(({ features }) =>
      features.map(({ name, type }) => `${name} ${type}`),
    ),
    [
      "scores.class category",
      "scores.confidence number",
      "label.class category",
      ...[0, 1, 2, 3].map((at) => `box[${at}] number`),
      ...["mean", "std", "min", "max"].map((what) => `map.${what} number`),
    ],
  );
});

t.test("there are never more features than a device may keep, and outputs have their share", async (t) => {
  const inputs = Array.from({ length: 30 }, (_, at) => input(`x${at}`, [-1, ELEMENTS_MAX]));
  const features = featureLayout({ inputs, outputs: [input("scores", [-1, 10])] }).flatMap((part) => part.features);
  t.ok(features.length <= FEATURES_MAX);
  t.ok(features.some(({ role }) => role === "output"));
});
