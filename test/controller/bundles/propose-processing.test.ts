import t from "tap";
import { proposeClasses, proposePicture, proposeSounds } from "../../../controller/bundles/propose-processing.ts";
import { processingMistake } from "../../../protocol/bundle/processing-mistake.ts";
import type { TensorSpec } from "../../../protocol/tensor.ts";
import { floats } from "../../support/model-folders.ts";

const input = (shape: number[], datatype: TensorSpec["datatype"] = "FP32", name = "x"): TensorSpec => ({
  name,
  datatype,
  shape,
});

const pictures: readonly [string, TensorSpec, object][] = [
  [
    "colours first",
    input([1, 3, 224, 224]),
    { layout: "nchw", colour: "rgb", resize: { mode: "stretch", width: 224 } },
  ],
  ["colours last", input([-1, 192, 256, 3]), { layout: "nhwc", resize: { width: 256, height: 192 } }],
  ["one colour", input([-1, 1, 28, 28]), { layout: "nchw", colour: "gray", scale: 1 / 255 }],
  ["no batch", input([3, 64, 32]), { layout: "chw", resize: { width: 32, height: 64 } }],
  ["open sides", input([-1, 3, -1, -1]), { layout: "nchw", resize: { mode: "fit", multipleOf: 32 } }],
  ["levels", input([1, 300, 300, 3], "UINT8"), { layout: "nhwc", scale: undefined }],
];
for (const [what, spec, expected] of pictures) {
  t.test(`an input with ${what} looks like a picture, and the proposal holds`, async (t) => {
    const preprocessing = proposePicture({ inputs: [spec], outputs: [] });
    t.match(preprocessing?.[0], expected);
    t.equal(processingMistake({ inputs: [spec], outputs: [], ...(preprocessing && { preprocessing }) }), undefined);
  });
}

const others: readonly [string, TensorSpec][] = [
  ["a list of numbers", input([-1, 64])],
  ["whole numbers", input([1, 3, 224, 224], "INT64")],
  ["two colours", input([1, 2, 224, 224])],
  ["a frame of four", input([1, 3, 4, 4])],
  ["a batch of eight", input([8, 3, 224, 224])],
];
for (const [what, spec] of others) {
  t.test(`${what} is no picture`, async (t) => {
    t.equal(proposePicture({ inputs: [spec], outputs: [] }), undefined);
  });
}

t.test("another input that nobody would fill leaves nothing to propose", async (t) => {
  const inputs = [input([1, 3, 224, 224]), input([1], "FP32", "threshold")];
  t.equal(proposePicture({ inputs, outputs: [] }), undefined);
});

t.test("a model that remembers hears a sound in pieces, and its state and sample rate are found by name", async (t) => {
  const inputs = [input([-1, -1], "FP32", "input"), input([2, -1, 128], "FP32", "state"), input([], "INT64", "sr")];
  const outputs = [input([-1, 1], "FP32", "output"), input([-1, -1, -1], "FP32", "stateN")];
  const proposals = proposeSounds({ inputs, outputs }, 16_000);
  t.match(proposals[0], [
    { kind: "sound", input: "input", sampleRate: 16_000, frame: { samples: 512 } },
    { kind: "state", input: "state", output: "stateN", shape: [2, 1, 128] },
    { kind: "constant", input: "sr", values: [16_000] },
  ]);
  t.match(proposals.at(-1)?.[0], { kind: "sound", frame: undefined }, "at last the whole sound at once");
  for (const preprocessing of proposals) t.equal(processingMistake({ inputs, outputs, preprocessing }), undefined);
});

t.test("a fixed length is the length of a piece, and a model without a state hears all at once", async (t) => {
  t.match(proposeSounds({ inputs: [input([1, 400])], outputs: [] }, 8_000), [[{ frame: { samples: 400 } }]]);
  t.match(proposeSounds({ inputs: [input([1, -1])], outputs: [] }, 8_000), [[{ frame: undefined }]]);
  t.same(proposeSounds({ inputs: [input([1, 3, 64, 64])], outputs: [] }, 8_000), [], "this is a picture");
});

t.test("a list of scores is one of classes: probabilities as they are, others by softmax", async (t) => {
  t.match(proposeClasses([floats("p", [1, 2], [0.25, 0.75])], 0), [{ output: "p", activation: undefined }]);
  t.match(proposeClasses([floats("y", [1, 3], [-1, 4, 2])], 3), [{ output: "y", activation: "softmax" }]);
  t.equal(proposeClasses([floats("y", [1, 3], [-1, 4, 2])], 4), undefined, "there are four labels");
  t.equal(proposeClasses([floats("map", [1, 1, 2, 2], [0, 0, 1, 1])], 0), undefined);
});
