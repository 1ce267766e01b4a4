import t from "tap";
import { predictedOf, VALUES_MAX } from "../../../agent/monitor/predicted.ts";
import type { Tensor } from "../../../protocol/tensor.ts";
import { floats } from "../../support/model-folders.ts";

const integer = (value: bigint, count = 1): Tensor => {
  const bytes = new Uint8Array(BigInt64Array.from(new Array<bigint>(count).fill(value)).buffer);
  return { name: "label", datatype: "INT64", shape: [count], bytes };
};
const text: Tensor = { name: "text", datatype: "BYTES", shape: [1], bytes: Uint8Array.of(1, 0, 0, 0, 65) };

const cases: readonly { when: string; outputs: readonly Tensor[]; then: ReturnType<typeof predictedOf> }[] = [
  {
    when: "scores of classes: the highest",
    outputs: [floats("p", [1, 3], [0.1, 0.7, 0.2])],
    then: { kind: "class", index: 1 },
  },
  { when: "scores without a batch", outputs: [floats("p", [3], [0.1, 0.2, 0.7])], then: { kind: "class", index: 2 } },
  {
    when: "scores beside a label: the scores",
    outputs: [integer(9n), floats("p", [1, 2], [0.9, 0.1])],
    then: { kind: "class", index: 0 },
  },
  { when: "one whole number", outputs: [integer(4n)], then: { kind: "class", index: 4 } },
  { when: "one float", outputs: [floats("y", [1, 1], [2.5])], then: { kind: "values", values: [2.5] } },
  {
    when: "floats of two examples, as values",
    outputs: [floats("y", [2, 2], [1, 2, 3, 4])],
    then: { kind: "values", values: [1, 2, 3, 4] },
  },
  {
    when: "more values than anybody labels",
    outputs: [floats("y", [2, VALUES_MAX], new Array(2 * VALUES_MAX).fill(0))],
    then: undefined,
  },
  { when: "a score that is no number", outputs: [floats("p", [1, 2], [NaN, 1])], then: undefined },
  { when: "a value that is no number", outputs: [floats("y", [1, 1], [Infinity])], then: undefined },
  { when: "text alone", outputs: [text], then: undefined },
  { when: "nothing", outputs: [], then: undefined },
];
for (const { when, outputs, then } of cases) {
  t.test(`what is predicted by ${when}`, async (t) => {
    t.same(predictedOf(outputs), then);
  });
}
