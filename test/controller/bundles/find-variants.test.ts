import t from "tap";
import { findVariants } from "../../../controller/bundles/find-variants.ts";

const cases = [
  { when: "there is one file", file: "model.onnx", beside: [], then: [] },
  {
    when: "files are named after it",
    file: "model.onnx",
    beside: ["model.fp16.onnx", "model-int8.onnx", "model_w8a8.ONNX"],
    then: ["fp16", "int8", "w8a8"],
  },
  { when: "a name has capitals", file: "yolo.onnx", beside: ["yolo.FP16.onnx"], then: ["fp16"] },
  { when: "another model lies there", file: "model.onnx", beside: ["other.onnx", "models.onnx"], then: [] },
  {
    when: "two would have one name",
    file: "model.onnx",
    beside: ["model-int8.onnx", "model.int8.onnx"],
    then: ["int8"],
  },
  { when: "one is called default", file: "model.onnx", beside: ["model.default.onnx"], then: [] },
  {
    when: "there are more than a bundle may have",
    file: "m.onnx",
    beside: ["a", "b", "c", "d", "e", "f"].map((name) => `m.${name}.onnx`),
    then: ["a", "b", "c", "d", "e"],
  },
];
for (const { when, file, beside, then } of cases) {
  t.test(`[${then.join(", ")}] where ${when}`, async (t) => {
    t.same(
      findVariants(file, [file, ...beside]).map(({ name }) => name),
      then,
    );
  });
}
