import t from "tap";
import { goldenDifference, tensorOfGolden } from "../../../protocol/bundle/golden-compare.ts";
import { tensorFromValues } from "../../../protocol/tensor-values.ts";
import type { Datatype, Tensor } from "../../../protocol/tensor.ts";

const tolerance = { absolute: 0.001, relative: 0 };

function tensor(values: number[], datatype: Datatype = "FP32", shape = [values.length]): Tensor {
  return tensorFromValues({ name: "probabilities", datatype, shape }, values);
}

/** What JSON cannot write. */
function floats(...values: number[]): Tensor {
  return { ...tensor([0]), shape: [values.length], bytes: new Uint8Array(Float32Array.from(values).buffer) };
}

const cases = [
  { when: "all is equal", expected: tensor([0.02, 0.98]), actual: tensor([0.02, 0.98]), says: undefined },
  { when: "within the tolerance", expected: tensor([0.02]), actual: tensor([0.0205]), says: undefined },
  {
    when: "an element is beyond it",
    expected: tensor([1, 1, 1, 0.02]),
    actual: tensor([1, 1, 1, 0.91]),
    says: "element 3 is 0.91, expected 0.02 ± 0.001",
  },
  {
    when: "an element is NaN",
    expected: tensor([0.02]),
    actual: floats(NaN),
    says: "element 0 is NaN, expected 0.02 ± 0.001",
  },
  {
    when: "an element is infinite",
    expected: tensor([0.02]),
    actual: floats(Infinity),
    says: "element 0 is Infinity, expected 0.02 ± 0.001",
  },
  {
    when: "NaN and infinity are expected",
    expected: floats(NaN, -Infinity),
    actual: floats(NaN, -Infinity),
    says: undefined,
  },
  {
    when: "the other infinity is expected",
    expected: floats(Infinity),
    actual: floats(-Infinity),
    says: "element 0 is -Infinity, expected Infinity",
  },
  { when: "NaN is expected", expected: floats(NaN), actual: tensor([1]), says: "element 0 is 1, expected NaN" },
  {
    when: "the shape differs",
    expected: tensor([1, 2], "FP32", [1, 2]),
    actual: tensor([1, 2]),
    says: "its shape is [2], expected [1, 2]",
  },
  {
    when: "the datatype differs",
    expected: tensor([1]),
    actual: tensor([1], "FP64"),
    says: "its datatype is FP64, expected FP32",
  },
  {
    when: "an integer differs",
    expected: tensor([7], "INT64"),
    actual: tensor([8], "INT64"),
    says: "element 0 is 8, expected 7 ± 0.001",
  },
];
for (const { when, expected, actual, says } of cases) {
  t.test(`${says === undefined ? "passes" : "tells"} when ${when}`, async (t) => {
    const sentence = says && `output "probabilities" differs for golden case "seven": ${says}`;
    t.equal(goldenDifference("seven", [expected], [actual], tolerance), sentence);
  });
}

t.test("a tolerance may grow with the expected value", async (t) => {
  const relative = { absolute: 0, relative: 0.1 };
  t.equal(goldenDifference("a", [tensor([100])], [tensor([109])], relative), undefined);
  t.match(goldenDifference("a", [tensor([100])], [tensor([111])], relative), /expected 100 ± 10/);
});

t.test("texts must be equal to the byte", async (t) => {
  const text = (value: string) => tensorFromValues({ name: "label", datatype: "BYTES", shape: [1] }, [value]);
  t.equal(goldenDifference("a", [text("cat")], [text("cat")], tolerance), undefined);
  t.match(goldenDifference("a", [text("cat")], [text("dog")], tolerance), /element 0 is "dog", expected "cat"/);
});

t.test("an output that the model did not give is named", async (t) => {
  t.match(goldenDifference("a", [tensor([1])], [], tolerance), /"probabilities" .* the model did not give it/);
});

t.test("a golden tensor has its values, or a file of the right size", async (t) => {
  const golden = { name: "x", datatype: "FP32" as const, shape: [1] };
  const file = (bytes: number) => () => new Uint8Array(bytes);
  t.same(tensorOfGolden({ ...golden, values: [0] }, file(0)).bytes, new Uint8Array(4));
  t.same(tensorOfGolden({ ...golden, file: "x.bin" }, file(4)).bytes, new Uint8Array(4));
  t.throws(() => tensorOfGolden({ ...golden, file: "x.bin" }, file(5)), { message: /tensor "x": has 5 bytes/ });
  t.throws(() => tensorOfGolden(golden, file(4)), { message: /must have values or a file/ });
  t.throws(() => tensorOfGolden({ ...golden, values: [0], file: "x.bin" }, file(4)), { message: /and not both/ });
});
