import t from "tap";
import { parseModelJson } from "../../../protocol/bundle/model-json.ts";
import { allVariants, VARIANTS_MAX } from "../../../protocol/bundle/variants.ts";
import { digitsFolder } from "../../support/model-folders.ts";

const { model } = digitsFolder("1.0.0");
const parse = (variants: unknown) => parseModelJson(Buffer.from(JSON.stringify({ ...model, variants })));
const int8 = { name: "int8", file: "small.onnx" };

t.test("the default file is one of them, and comes first", async (t) => {
  t.same(allVariants(parse([int8])), [{ name: "default", file: "model.onnx" }, int8]);
  t.same(allVariants(model), [{ name: "default", file: "model.onnx" }]);
});

const unfit = [
  { when: "there is none in the list", variants: [] },
  { when: "a name stands twice", variants: [int8, int8], says: /the name "int8" stands twice/ },
  {
    when: "one is called like the default file",
    variants: [{ ...int8, name: "default" }],
    says: /the name "default" is the name of the default file/,
  },
  { when: "a name has capitals", variants: [{ ...int8, name: "INT8" }] },
  { when: "a field is unknown", variants: [{ ...int8, precision: 8 }], says: /precision/ },
  { when: "a tolerance is negative", variants: [{ ...int8, tolerance: { absolute: -1, relative: 0 } }] },
  {
    when: "there are too many to be measured",
    variants: Array.from({ length: VARIANTS_MAX + 1 }, (_, at) => ({ ...int8, name: `v${String(at)}` })),
  },
];
for (const { when, variants, says = /variants/ } of unfit) {
  t.test(`a bundle is refused where ${when}`, async (t) => {
    t.throws(() => parse(variants), { code: "SCHEMA", message: says });
  });
}
