import t from "tap";
import type { Postprocessing } from "../../../../protocol/bundle/postprocessing.ts";
import type { Tensor } from "../../../../protocol/tensor.ts";
import {
  interpretedOutputs,
  interpretOutputs,
  type Interpretation,
} from "../../../../common/processing/results/interpret-outputs.ts";
import { inPicture } from "../../../../common/processing/results/in-picture.ts";
import { numbersIn } from "../../../../common/processing/results/scores.ts";
import { overlap } from "../../../../common/processing/results/suppress-overlaps.ts";

const floats = (name: string, shape: readonly number[], values: Iterable<number>): Tensor => ({
  name,
  datatype: "FP32",
  shape,
  bytes: new Uint8Array(Float32Array.from(values).buffer),
});

type Result = Postprocessing[number];
function read(result: Result, outputs: readonly Tensor[], more: Partial<Interpretation> = {}) {
  return interpretOutputs({
    postprocessing: [result],
    labels: ["cat", "dog", "cow"],
    parameters: {},
    frames: [outputs],
    ...more,
  });
}

t.test("classes", async (t) => {
  const logits = [floats("y", [1, 3, 1], [1, 3, 2])];
  t.same(read({ kind: "classes", output: "y", top: 2 }, logits), {
    top: [
      { label: "dog", index: 1, score: 3 },
      { label: "cow", index: 2, score: 2 },
    ],
  });
  const { top = [] } = read({ kind: "classes", output: "y", activation: "softmax" }, logits);
  t.ok(Math.abs(top.reduce((sum, { score }) => sum + score, 0) - 1) < 1e-5);
  t.match(top[0], { label: "dog", score: 0.665241 });
  t.match(read({ kind: "classes", output: "y", activation: "sigmoid", threshold: 0.9 }, logits), {
    top: [{ label: "dog", score: 0.952574 }],
  });
  t.match(read({ kind: "classes", output: "y", top: 1 }, [floats("y", [1], [5])], { labels: [] }), {
    top: [{ label: "0" }],
  });
  // Logits beyond what an exponential can carry.
  t.match(read({ kind: "classes", output: "y", activation: "softmax", top: 1 }, [floats("y", [2], [1_000, 0])]), {
    top: [{ score: 1 }],
  });
});

t.test("classes of a sound in frames are those of its mean", async (t) => {
  const frames = [[floats("y", [1, 2], [1, 0])], [floats("y", [1, 2], [0, 0.5])]];
  t.same(
    read({ kind: "classes", output: "y" }, [], { frames }).top?.map(({ score }) => score),
    [0.5, 0.25],
  );
});

const placement = {
  pictureWidth: 200,
  pictureHeight: 100,
  frameWidth: 100,
  frameHeight: 100,
  scaleX: 0.5,
  scaleY: 0.5,
  left: 0,
  top: 25,
};
const box = {
  kind: "boxes",
  output: "y",
  arrangement: "rows",
  values: "scores",
  coordinates: "xyxy",
  unit: "pixels",
  threshold: 0.5,
  iouThreshold: 0.5,
} as const;

/** One box in each arrangement that models give: centre 50, 50 of the frame, 20 × 10, a dog of 0.9. */
const arrangements: readonly { readonly what: string; readonly entry: Result; readonly outputs: readonly Tensor[] }[] =
  [
    {
      what: "YOLOv8's columns",
      entry: { ...box, arrangement: "columns", coordinates: "cxcywh" },
      outputs: [floats("y", [1, 7, 2], [50, 0, 50, 0, 20, 0, 10, 0, 0.1, 0, 0.9, 0, 0, 0])],
    },
    {
      what: "YOLOv5's rows",
      entry: { ...box, values: "objectness-scores", coordinates: "cxcywh" },
      outputs: [floats("y", [1, 1, 8], [50, 50, 20, 10, 0.95, 0.1, 0.947368, 0])],
    },
    {
      what: "rows with score and class",
      entry: { ...box, values: "score-class" },
      outputs: [floats("y", [2, 6], [40, 45, 60, 55, 0.9, 1, 0, 0, 1, 1, 0.1, 0])],
    },
    {
      what: "TensorFlow's shares, with scores in an output of their own",
      entry: { ...box, values: "none", scores: "s", coordinates: "yxyx", unit: "share" },
      outputs: [floats("y", [1, 1, 4], [0.45, 0.4, 0.55, 0.6]), floats("s", [1, 1, 3], [0, 0.9, 0])],
    },
    {
      what: "SSD's scores with a background",
      entry: { ...box, values: "none", scores: "s", coordinates: "xywh", hasBackground: true },
      outputs: [floats("y", [1, 1, 4], [40, 45, 20, 10]), floats("s", [1, 1, 4], [0.95, 0, 0.9, 0])],
    },
    {
      what: "logits",
      entry: { ...box, activation: "sigmoid" },
      outputs: [floats("y", [1, 1, 7], [40, 45, 60, 55, -9, 2.197225, -9])],
    },
  ];
for (const { what, entry, outputs } of arrangements) {
  t.test(`boxes: ${what}, in pixels of the picture that was sent`, async (t) => {
    const { boxes } = read(entry, outputs, { placement });
    t.equal(boxes?.length, 1);
    t.match(boxes?.[0], { label: "dog", index: 1, box: [80, 40, 120, 60] });
    t.ok(Math.abs((boxes?.[0]?.score ?? 0) - 0.9) < 1e-5);
  });
}

t.test("of boxes that overlap the best stays: of its class, or of all", async (t) => {
  const rows = [
    [0, 0, 100, 100, 0.8, 0, 0],
    [5, 0, 105, 100, 0.9, 0, 0],
    [0, 5, 100, 105, 0, 0.7, 0],
    [50, 0, 150, 100, 0.6, 0, 0],
    [0, 0, 9, 9, 0.4, 0, 0],
  ];
  const outputs = [floats("y", [1, 5, 7], rows.flat())];
  const scores = (entry: Result) => read(entry, outputs).boxes?.map(({ score }) => score);
  t.same(scores(box), [0.9, 0.7, 0.6]);
  t.same(scores({ ...box, acrossClasses: true }), [0.9, 0.6]);
  t.same(scores({ ...box, iouThreshold: 0.3 }), [0.9, 0.7]);
  t.same(scores({ ...box, iouThreshold: 0.95, most: 2 }), [0.9, 0.8]);
  t.same(read({ ...box, threshold: { $param: "least" } }, outputs, { parameters: { least: 0.65 } }).boxes?.length, 2);
  const { iouThreshold: _, ...all } = box;
  t.same(scores(all), [0.9, 0.8, 0.7, 0.6]);
});

t.test("overlap is intersection over union", async (t) => {
  t.equal(overlap([0, 0, 10, 10], [0, 0, 10, 10]), 1);
  t.equal(overlap([0, 0, 10, 10], [5, 0, 15, 10]), 1 / 3);
  t.equal(overlap([0, 0, 10, 10], [10, 0, 20, 10]), 0);
});

t.test("regions of a map become boxes, grown and read line by line", async (t) => {
  const [width, height] = [40, 20];
  const map = new Float32Array(width * height);
  const fill = (left: number, top: number, right: number, bottom: number, value: number) => {
    for (let y = top; y < bottom; y += 1) map.fill(value, y * width + left, y * width + right);
  };
  fill(22, 2, 38, 7, 0.9);
  fill(2, 3, 18, 7, 0.8);
  fill(5, 12, 25, 16, 0.35);
  fill(30, 14, 32, 15, 0.9);
  const entry = { kind: "regions", output: "y", threshold: 0.3, scoreThreshold: 0.5 } as const;
  const outputs = [floats("y", [1, 1, height, width], map)];
  t.same(read(entry, outputs).boxes, [
    { score: 0.9, box: [22, 2, 38, 7] },
    { score: 0.8, box: [2, 3, 18, 7] },
  ]);
  // 16 × 5 of 42 around it: 80 × 1.05 ÷ 42 = 2 outward.
  t.same(read({ ...entry, grow: 1.05 }, outputs).boxes?.[0]?.box, [20, 0, 40, 9]);
  t.equal(read({ ...entry, scoreThreshold: 0.3, sideMin: 1 }, outputs).boxes?.length, 4);
  const half = {
    pictureWidth: 160,
    pictureHeight: 80,
    frameWidth: 80,
    frameHeight: 40,
    scaleX: 0.5,
    scaleY: 0.5,
    left: 0,
    top: 0,
  };
  t.same(read(entry, outputs, { placement: half }).boxes?.[0]?.box, [88, 8, 152, 28]);
});

t.test("segments are where the score was high, over short silences", async (t) => {
  const scores = [0, 0.6, 0.9, 0.4, 0.8, 0, 0, 0, 0.7, 0, 0];
  const frames = scores.map((score) => [floats("y", [1, 1], [score])]);
  const entry = { kind: "segments", output: "y", threshold: 0.5 } as const;
  const spans = (more: object) => read({ ...entry, ...more }, [], { frames, stepMs: 100 }).segments;
  t.same(spans({}), [
    { fromMs: 100, toMs: 300, score: 0.9 },
    { fromMs: 400, toMs: 500, score: 0.8 },
    { fromMs: 800, toMs: 900, score: 0.7 },
  ]);
  t.same(spans({ endThreshold: 0.35 })?.[0], { fromMs: 100, toMs: 500, score: 0.9 });
  t.same(spans({ silenceMs: 100, lengthMsMin: 150 }), [{ fromMs: 100, toMs: 500, score: 0.9 }]);
});

t.test("text is the best character of each place, repetitions and blanks left out", async (t) => {
  const best = [0, 1, 1, 0, 1, 2, 4, 3, 3];
  const rows = best.flatMap((index) => [0, 1, 2, 3, 4].map((at) => (at === index ? 1 : 0)));
  const outputs = [floats("y", [1, best.length, 5], rows)];
  t.same(read({ kind: "text", output: "y", blank: 0, hasSpace: true }, outputs, { labels: ["a", "b", "c"] }), {
    text: "aab c",
  });
  t.throws(() => read({ kind: "text", output: "y", blank: 0 }, outputs, { labels: ["a", "b"] }), {
    code: "bad-output",
  });
});

const wrong: readonly { readonly entry: Result; readonly output: Tensor; readonly why: RegExp }[] = [
  { entry: { kind: "classes", output: "z" }, output: floats("y", [1], [0]), why: /did not give/ },
  { entry: { kind: "classes", output: "y" }, output: floats("y", [2, 2], [0, 0, 0, 0]), why: /no list of classes/ },
  {
    entry: { kind: "classes", output: "y" },
    output: { name: "y", datatype: "BYTES", shape: [0], bytes: new Uint8Array() },
    why: /texts, not numbers/,
  },
  { entry: box, output: floats("y", [1, 2, 4], new Array<number>(8).fill(0)), why: /no rows of at least 5 values/ },
  { entry: box, output: floats("y", [2, 1, 6], new Array<number>(12).fill(0)), why: /no rows/ },
  {
    entry: { kind: "regions", output: "y", threshold: 0, scoreThreshold: 0 },
    output: floats("y", [2, 2, 1], [0, 0, 0, 0]),
    why: /no map/,
  },
  { entry: { kind: "segments", output: "y", threshold: 0 }, output: floats("y", [2], [0, 0]), why: /no single score/ },
];
for (const { entry, output, why } of wrong) {
  t.test(`an output that is not what model.json says is the model's fault: ${why.source}`, async (t) =>
    t.throws(() => read(entry, [output]), { code: "bad-output", message: why }),
  );
}

t.test("NaN is the worst score", async (t) =>
  t.match(read({ kind: "classes", output: "y", top: 1 }, [floats("y", [3], [Number.NaN, 0.1, Number.NaN])]), {
    top: [{ label: "dog" }],
  }),
);

t.test("a client of pictures needs no output of which a result tells", async (t) =>
  t.same(interpretedOutputs([{ ...box, scores: "s" }]), new Set(["y", "s"])),
);

t.test("corners outside of the picture are cut at its edges", async (t) => {
  t.same(inPicture([-10, 0, 120, 50.123], placement), [0, 0, 200, 50.25]);
  t.same(inPicture([-10.004, 0, 1, 2], undefined), [-10, 0, 1, 2]);
});

t.test("numbers of any type are read", async (t) => {
  const integers = {
    name: "y",
    datatype: "INT64",
    shape: [2],
    bytes: new Uint8Array(BigInt64Array.of(1n, -2n).buffer),
  } as const;
  t.same([...numbersIn(integers)], [1, -2]);
});
