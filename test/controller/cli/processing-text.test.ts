import t from "tap";
import { expectedText, processingLines } from "../../../controller/cli/processing-text.ts";

t.test("what becomes of pictures, sounds and answers is told in words, parameters with their bounds", async (t) => {
  t.same(
    processingLines({
      preprocessing: [
        {
          kind: "picture",
          input: "x",
          resize: { mode: "letterbox", width: 640, height: 480 },
          colour: "bgr",
          scale: 1 / 255,
          mean: [0.485, 0.456, 0.406],
          std: [0.229],
          layout: "nchw",
        },
        { kind: "constant", input: "size", values: [640, 480] },
      ],
      postprocessing: [
        {
          kind: "boxes",
          output: "out",
          arrangement: "columns",
          values: "scores",
          coordinates: "cxcywh",
          unit: "pixels",
          threshold: { $param: "threshold" },
          iouThreshold: 0.45,
          most: 100,
        },
      ],
      parameters: { threshold: { default: 0.5, min: 0.1, max: 0.9, description: "of a box" } },
    }),
    [
      [
        "picture",
        "x: JPEG, PNG or npy, fitted into 640 × 480 with a border (antialiased), bgr, level × 0.003922, − 0.485 0.456 0.406, ÷ 0.229, as nchw",
      ],
      ["constant", "size: 640, 480"],
      [
        "boxes",
        'of "out", cxcywh in pixels, from parameter threshold up, of those that overlap by more than 0.45 the best, at most 100',
      ],
      ["parameter", "threshold is 0.5, an operator may set 0.1 to 0.9: of a box"],
    ],
  );
  t.same(
    processingLines({
      preprocessing: [
        {
          kind: "sound",
          input: "s",
          sampleRate: 16_000,
          secondsMax: 30,
          scale: 32_767,
          frame: { samples: 400, step: 160 },
        },
        { kind: "state", input: "h", output: "hn", shape: [2, 1, 64] },
        { kind: "constant", input: "c", values: [1, 2, 3, 4, 5] },
      ],
      postprocessing: [
        { kind: "segments", output: "p", threshold: 0.5 },
        { kind: "classes", output: "q", activation: "softmax" },
        { kind: "regions", output: "m", threshold: 0.3, scoreThreshold: 0.6 },
        { kind: "text", output: "t", blank: 0 },
      ],
    }),
    [
      ["sound", "s: WAV, 16000 samples a second, at most 30 s, × 32770, in pieces of 400 samples, one each 160"],
      ["state", 'h: zeros [2, 1, 64] at first, then what "hn" gave'],
      ["constant", "c: 5 values"],
      ["segments", 'of "p", from 0.5 up'],
      ["classes", 'of "q", the best 5, by softmax'],
      ["regions", 'of "m", from 0.3 up, mean from 0.6 up'],
      ["text", 'of "t", the best character at each place'],
    ],
  );
  t.same(processingLines({}), []);
});

t.test("what is expected of a picture fits a line", async (t) => {
  const media = "a.png";
  t.equal(expectedText({ name: "a", media, results: { top: [{ label: "cat", score: 0.934 }] } }), '"cat" 93 %');
  t.equal(expectedText({ name: "a", media, results: { boxes: [], text: "HI" } }), '0 boxes, "HI"');
  t.equal(expectedText({ name: "a", media, outputs: [{ name: "y", datatype: "FP32", shape: [1, 4] }] }), "y [1, 4]");
});
