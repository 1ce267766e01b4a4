import t from "tap";
import {
  interfaceDifference,
  interfaceLineText,
  type ModelInterface,
} from "../../../controller/rollout/interface-difference.ts";

type Spec = ModelInterface["inputs"][number];
const x: Spec = { name: "x", datatype: "FP32", shape: [1, 3] };
const y: Spec = { name: "y", datatype: "FP32", shape: [1, 2] };
const spec = (base: Spec, changes: Partial<Spec>): Spec => ({ ...base, ...changes });
const model = (inputs: ModelInterface["inputs"], outputs: ModelInterface["outputs"]): ModelInterface => ({
  inputs,
  outputs,
});
const before = model([spec(x, {})], [spec(y, {})]);

const cases: readonly { when: string; after: ModelInterface; lines: readonly string[] }[] = [
  { when: "nothing differs", after: before, lines: [] },
  {
    when: "an input takes more sizes than before",
    after: model([spec(x, { shape: [-1, 3] })], before.outputs),
    lines: [],
  },
  {
    when: "there is an output more",
    after: model(before.inputs, [...before.outputs, spec(y, { name: "z" })]),
    lines: [],
  },
  {
    when: "an output may have more sizes than before",
    after: model(before.inputs, [spec(y, { shape: [-1, 2] })]),
    lines: ["  input  x FP32 [1,3]", "- output y FP32 [1,2]", "+ output y FP32 [-1,2]"],
  },
  {
    when: "an input has another datatype",
    after: model([spec(x, { datatype: "FP64" })], before.outputs),
    lines: ["- input  x FP32 [1,3]", "+ input  x FP64 [1,3]", "  output y FP32 [1,2]"],
  },
  {
    when: "there is an input more",
    after: model([...before.inputs, spec(x, { name: "w" })], before.outputs),
    lines: ["  input  x FP32 [1,3]", "+ input  w FP32 [1,3]", "  output y FP32 [1,2]"],
  },
  {
    when: "an output is gone",
    after: model(before.inputs, []),
    lines: ["  input  x FP32 [1,3]", "- output y FP32 [1,2]"],
  },
  {
    when: "an input has another rank",
    after: model([spec(x, { shape: [1, 3, 1] })], before.outputs),
    lines: ["- input  x FP32 [1,3]", "+ input  x FP32 [1,3,1]", "  output y FP32 [1,2]"],
  },
];

for (const { when, after, lines } of cases) {
  t.test(`${lines.length === 0 ? "callers notice nothing" : "the difference is shown"} when ${when}`, async (t) => {
    t.same(interfaceDifference(before, after).map(interfaceLineText), lines);
  });
}
