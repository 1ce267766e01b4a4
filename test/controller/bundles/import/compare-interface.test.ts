import t from "tap";
import {
  interfaceContradictions,
  labelContradictions,
} from "../../../../controller/bundles/import/compare-interface.ts";
import type { DeclaredTensor, Notes } from "../../../../controller/bundles/import/foreign-model.ts";

const REAL = {
  inputs: [{ name: "x", datatype: "FP32" as const, shape: [-1, 4] }],
  outputs: [
    { name: "label", datatype: "INT64" as const, shape: [-1] },
    { name: "scores", datatype: "FP32" as const, shape: [-1, 3] },
  ],
};

const cases: readonly {
  when: string;
  inputs?: readonly DeclaredTensor[];
  outputs?: readonly DeclaredTensor[];
  then: readonly RegExp[];
  chosen?: RegExp;
}[] = [
  { when: "nothing is declared", then: [] },
  { when: "all is the same", inputs: [{ name: "x", datatype: "FP32", shape: [-1, 4] }], then: [] },
  {
    when: "names are not given, the place counts",
    inputs: [{ datatype: "FP32" }],
    outputs: [{ datatype: "INT64" }, { shape: [-1, 3] }],
    then: [],
  },
  {
    when: "a fixed dimension may vary in the file",
    inputs: [{ name: "x", shape: [1, 4] }],
    then: [],
    chosen: /has the shape \[-1, 4\] of the ONNX file, not \[1, 4\]/,
  },
  {
    when: "an output is not declared",
    outputs: [{ name: "scores" }],
    then: [],
    chosen: /devices also answer with "label"/,
  },
  {
    when: "a name is wrong",
    inputs: [{ name: "y" }],
    then: [/input "y" is not in the ONNX file, whose inputs are "x"/, /input "x" of the ONNX file is not declared/],
  },
  {
    when: "a datatype is wrong",
    outputs: [{ name: "label", datatype: "FP32" }],
    then: [/output "label" is said to be FP32; in the ONNX file it is INT64/],
  },
  {
    when: "a dimension is wrong",
    inputs: [{ name: "x", shape: [-1, 5] }],
    then: [/said to have the shape \[-1, 5\]; in the ONNX file it is \[-1, 4\]/],
  },
  { when: "the rank is wrong", inputs: [{ name: "x", shape: [4] }], then: [/said to have the shape \[4\]/] },
  {
    when: "there are too many without names",
    inputs: [{}, {}],
    then: [/input number 2 is not in/, /2 inputs are declared; the ONNX file has 1/],
  },
];
for (const { when, inputs = [], outputs = [], then, chosen } of cases) {
  t.test(`${then.length === 0 ? "no contradiction" : "contradictions"} where ${when}`, async (t) => {
    const notes: Notes = { chosen: [], left: [] };
    const found = interfaceContradictions({ inputs, outputs }, REAL, notes);
    t.equal(found.length, then.length, found.join("; "));
    t.match(found, [...then]);
    if (chosen !== undefined) t.match(notes.chosen.join("\n"), chosen);
  });
}

t.test("labels are as many as the classes, where these are fixed", async (t) => {
  const of = (shape: number[]) => ({ outputs: [{ name: "p", datatype: "FP32" as const, shape }] });
  t.same(labelContradictions("labels.txt", "a\nb\n", of([-1, 2])), []);
  t.same(labelContradictions("labels.txt", "a\nb\n", of([-1])), []);
  t.match(labelContradictions("labels.txt", "a\nb", of([-1, 3])), [/has 2 labels; output "p" has 3 classes/]);
});
