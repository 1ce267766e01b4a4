import t from "tap";
import { parseModelJson } from "../../../protocol/bundle/model-json.ts";
import { mediaInput } from "../../../protocol/bundle/preprocessing.ts";

const picture = {
  kind: "picture",
  input: "image",
  resize: { mode: "letterbox", width: 64, height: 32, pad: [114, 114, 114] },
  colour: "rgb",
  scale: 1 / 255,
  mean: [0.485, 0.456, 0.406],
  std: [0.229, 0.224, 0.225],
  layout: "nchw",
};
const model = {
  formatVersion: 1,
  name: "seen",
  version: "1.0.0",
  release: 1,
  rollbackIndex: 0,
  file: "model.onnx",
  inputs: [{ name: "image", datatype: "FP32", shape: [-1, 3, 32, 64] }],
  outputs: [{ name: "scores", datatype: "FP32", shape: [-1, 10] }],
  golden: "golden.json",
  compatible: ["*"],
  preprocessing: [picture],
  postprocessing: [{ kind: "classes", output: "scores", activation: "softmax", threshold: { $param: "least" } }],
  parameters: { least: { default: 0.1, min: 0, max: 1, description: "What is less probable is not told." } },
};
const sound = { kind: "sound", input: "sound", sampleRate: 16_000, secondsMax: 60, frame: { samples: 512 } };
const heard = {
  inputs: [
    { name: "sound", datatype: "FP32", shape: [-1, -1] },
    { name: "state", datatype: "FP32", shape: [2, -1, 128] },
    { name: "sr", datatype: "INT64", shape: [] },
  ],
  outputs: [
    { name: "output", datatype: "FP32", shape: [-1, 1] },
    { name: "stateN", datatype: "FP32", shape: [-1, -1, -1] },
  ],
  preprocessing: [
    sound,
    { kind: "state", input: "state", output: "stateN", shape: [2, 1, 128] },
    { kind: "constant", input: "sr", values: [16_000] },
  ],
  postprocessing: [{ kind: "segments", output: "output", threshold: { $param: "least" }, silenceMs: 100 }],
};
const parse = (change: object) => parseModelJson(Buffer.from(JSON.stringify({ ...model, ...change })));

t.test("a description without a mistake is read", async (t) => {
  t.equal(mediaInput(parse({}).preprocessing)?.kind, "picture");
  t.equal(mediaInput(parse(heard).preprocessing)?.kind, "sound");
  t.equal(mediaInput(parse({ preprocessing: undefined }).preprocessing), undefined);
});

const withPicture = (change: object) => ({ preprocessing: [{ ...picture, ...change }] });
const withResult = (...postprocessing: readonly object[]) => ({ postprocessing, parameters: {} });
const withHeard = (at: number, change: object) => ({
  ...heard,
  preprocessing: heard.preprocessing.map((entry, index) => (index === at ? { ...entry, ...change } : entry)),
});
const box = {
  kind: "boxes",
  output: "scores",
  arrangement: "rows",
  values: "scores",
  coordinates: "xyxy",
  unit: "pixels",
  threshold: 0.5,
};

const mistakes: readonly { readonly change: object; readonly says: RegExp }[] = [
  { change: withPicture({ input: "x" }), says: /input "x", which the model does not have/ },
  {
    change: withPicture({ layout: "nhwc" }),
    says: /makes \[1, 32, 64, 3\] \(nhwc\), the input takes \[-1, 3, 32, 64\]/,
  },
  { change: withPicture({ layout: "nhw" }), says: /no place for three colours/ },
  {
    change: withPicture({ layout: "flat", resize: { mode: "stretch", width: 10, height: 10 } }),
    says: /has 300 values/,
  },
  { change: withPicture({ colour: "gray" }), says: /mean has 3 values for 1 colours/ },
  { change: withPicture({ resize: { mode: "fit", width: 64, height: 64 } }), says: /makes \[1, 3, -1, -1\]/ },
  {
    change: withPicture({ resize: { mode: "crop", shorterSide: 40, width: 64, height: 32 } }),
    says: /shorter side is 40/,
  },
  { change: withPicture({ resize: { mode: "stretch", width: 100_000, height: 32 } }), says: /preprocessing/ },
  { change: withPicture({ std: [0, 1, 1] }), says: /preprocessing/ },
  { change: withPicture({ surprise: 1 }), says: /preprocessing/ },
  {
    change: { inputs: [{ name: "image", datatype: "UINT8", shape: [-1, 3, 32, 64] }] },
    says: /takes the levels as they are/,
  },
  { change: { inputs: [{ name: "image", datatype: "INT64", shape: [-1, 3, 32, 64] }] }, says: /not INT64/ },
  { change: { preprocessing: [picture, picture] }, says: /says twice what becomes of the input "image"/ },
  { change: { ...heard, preprocessing: heard.preprocessing.slice(0, 2) }, says: /nothing of the input "sr"/ },
  { change: { ...heard, preprocessing: [sound, { ...sound, input: "state" }] }, says: /\[2, -1, 128\]/ },
  { change: withHeard(0, { frame: { samples: 512, step: 600 } }), says: /passes over samples/ },
  { change: withHeard(0, { frame: undefined }), says: /a sound that the model sees in frames/ },
  { change: withHeard(1, { output: "state0" }), says: /output "state0"/ },
  { change: withHeard(1, { shape: [1, 1, 128] }), says: /is \[1, 1, 128\], the input takes \[2, -1, 128\]/ },
  { change: withHeard(2, { values: [1.5] }), says: /whole numbers/ },
  { change: withHeard(2, { shape: [1], values: [1] }), says: /makes \[1\], the input takes \[\]/ },
  { change: withResult({ kind: "classes", output: "logits" }), says: /output "logits"/ },
  {
    change: withResult({ kind: "classes", output: "scores", top: { $param: "top" } }),
    says: /parameter "top", which the model does not declare/,
  },
  { change: withResult({ kind: "text", output: "scores", blank: 0 }), says: /needs the bundle's labels/ },
  { change: withResult({ ...box, values: "none" }), says: /neither where scores stand/ },
  { change: withResult({ ...box, scores: "scores" }), says: /has scores in/ },
  { change: withResult({ ...box, scores: "other" }), says: /output "other"/ },
  {
    change: withResult(box, { kind: "regions", output: "scores", threshold: 0.3, scoreThreshold: 0.5 }),
    says: /fills boxes of the answer twice/,
  },
  {
    change: { parameters: { ...model.parameters, other: { default: 1, min: 0, max: 2 } } },
    says: /"other" is named by no step/,
  },
  { change: { parameters: { least: { default: 2, min: 0, max: 1 } } }, says: /default 2, outside 0 to 1/ },
  { change: { parameters: { "Not a name": { default: 0, min: 0, max: 1 } } }, says: /parameters/ },
];
for (const { change, says } of mistakes) {
  t.test(`found when the bundle is made: ${says.source}`, async (t) =>
    t.throws(() => parse(change), { message: says }),
  );
}
