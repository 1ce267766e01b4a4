import t from "tap";
import { goldenFiles, isMediaCase, parseGoldenSet } from "../../../protocol/bundle/golden.ts";

const x = { name: "x", datatype: "FP32", shape: [1], values: [1] };
const set = (golden: object, more: object = {}) =>
  parseGoldenSet(
    Buffer.from(
      JSON.stringify({
        formatVersion: 1,
        tolerance: { absolute: 0, relative: 0 },
        cases: [{ name: "one", ...golden }],
        ...more,
      }),
    ),
  );

t.test("a case is tensors and what is answered to them, or a picture or sound and what it means", async (t) => {
  const [tensors] = set({ inputs: [{ ...x, values: undefined, file: "x.bin" }], outputs: [x] }).cases;
  const { cases, resultTolerance } = set(
    { media: "cat.jpg", results: { top: [{ label: "cat", score: 0.9 }] }, outputs: [{ ...x, file: "y.bin" }] },
    { resultTolerance: { score: 0.1 } },
  );
  t.same(tensors && goldenFiles(tensors), ["x.bin"]);
  t.notOk(tensors && isMediaCase(tensors));
  t.same(cases.map(goldenFiles), [["cat.jpg", "y.bin"]]);
  t.ok(cases.every(isMediaCase));
  t.same(resultTolerance, { score: 0.1 });
});

const mistakes: readonly [string, object, RegExp][] = [
  ["nothing at all", {}, /case "one" must have inputs and outputs, or media and what it means/],
  ["no outputs", { inputs: [x] }, /must have inputs and outputs/],
  ["media that mean nothing", { media: "cat.jpg" }, /expects nothing of its media/],
  ["an empty meaning", { media: "cat.jpg", results: {} }, /expects nothing of its media/],
  ["inputs beside media", { media: "cat.jpg", inputs: [x], outputs: [x] }, /inputs beside media/],
  ["a meaning of nothing", { inputs: [x], outputs: [x], results: { text: "a" } }, /results without media/],
  [
    "a box of three sides",
    { media: "cat.jpg", results: { boxes: [{ box: [1, 2, 3] }] } },
    /cases\/0\/results\/boxes\/0/,
  ],
  ["another field", { media: "cat.jpg", results: { top: [{ label: "cat", index: 3 }] } }, /not a field that is known/],
];
for (const [what, golden, message] of mistakes) {
  t.test(`a case with ${what} is refused with the place`, async (t) => {
    t.throws(() => set(golden), { name: "ProtocolError", message });
  });
}
