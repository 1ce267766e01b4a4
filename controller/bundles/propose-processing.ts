/** Guesses at what a model's ONNX file does not say: how a picture or a sound becomes its input, and what it answers. Pure. */
import type { Postprocessing } from "../../protocol/bundle/postprocessing.ts";
import type { InputProcessing, PictureInput, Preprocessing } from "../../protocol/bundle/preprocessing.ts";
import { elementsIn } from "../../protocol/tensor-elements.ts";
import type { Tensor, TensorSpec } from "../../protocol/tensor.ts";

interface Interface {
  readonly inputs: readonly TensorSpec[];
  readonly outputs: readonly TensorSpec[];
}

/** Smaller frames show nothing; an input of 4 × 4 is more likely something else. */
const SIDE_MIN = 8;
/** For models that take pictures of any size: what text and object detectors are exported for, with sides by 32. */
const OPEN_FRAME = { mode: "fit", width: 960, height: 960, multipleOf: 32 } as const;
/** Of a sound that is given to the model at once. */
const SECONDS_MAX = 60;

/** Undefined where no input has the shape of a picture. */
export function proposePicture({ inputs, outputs }: Interface): Preprocessing | undefined {
  for (const spec of inputs) {
    const picture = pictureOf(spec);
    if (picture !== undefined) return withOthers(picture, { inputs, outputs }, {});
  }
  return undefined;
}

/**
 * Pieces in which voice detectors see a sound at 16 kHz and 8 kHz, where their ONNX file leaves the length open; and that
 * of their first releases.
 */
const FRAME_SAMPLES = [512, 256, 1_536] as const;

/** For sounds of so many samples a second, the likeliest first; none where no input has the shape of one. */
export function proposeSounds({ inputs, outputs }: Interface, sampleRate: number): Preprocessing[] {
  const spec = inputs.find(
    ({ datatype, shape }) =>
      (datatype === "FP32" || datatype === "FP16") &&
      shape.length >= 1 &&
      shape.length <= 3 &&
      shape.slice(0, -1).every((size) => size === 1 || size === -1),
  );
  if (spec === undefined) return [];
  const samples = spec.shape.at(-1) ?? -1;
  const sound = { kind: "sound", input: spec.name, sampleRate, secondsMax: SECONDS_MAX } as const;
  const whole = withOthers(sound, { inputs, outputs }, { sampleRate });
  if (whole === undefined) return [];
  const inFrames = (size: number): Preprocessing =>
    whole.map((entry) => (entry.kind === "sound" ? { ...entry, frame: { samples: size } } : entry));
  if (samples >= FRAME_SAMPLES_MIN) return [inFrames(samples)];
  // What is remembered is remembered from one piece to the next.
  const remembers = whole.some(({ kind }) => kind === "state");
  return remembers ? [...FRAME_SAMPLES.map(inFrames), whole] : [whole];
}

/** Fewer are no sound; `preprocessing.ts` takes no shorter frame. */
const FRAME_SAMPLES_MIN = 16;

function pictureOf({ name, datatype, shape }: TensorSpec): PictureInput | undefined {
  if (datatype !== "FP32" && datatype !== "FP16" && datatype !== "UINT8") return undefined;
  const [batch, ...dimensions] = shape.length === 4 ? shape : [1, ...shape];
  if (dimensions.length !== 3 || (batch !== 1 && batch !== -1)) return undefined;
  const isFirst = isColours(dimensions[0]);
  if (!isFirst && !isColours(dimensions[2])) return undefined;
  const [colours, height = -1, width = -1] = isFirst ? dimensions : [dimensions[2], dimensions[0], dimensions[1]];
  const isOpen = height === -1 && width === -1;
  if (!isOpen && Math.min(height, width) < SIDE_MIN) return undefined;
  const ranked = shape.length === 4 ? "n" : "";
  return {
    kind: "picture",
    input: name,
    resize: isOpen ? OPEN_FRAME : { mode: "stretch", width, height },
    colour: colours === 1 ? "gray" : "rgb",
    ...(datatype === "UINT8" ? {} : { scale: 1 / 255 }),
    layout: isFirst ? (`${ranked}chw` as const) : (`${ranked}hwc` as const),
  };
}

function isColours(size: number | undefined): boolean {
  return size === 1 || size === 3;
}

/** Undefined where nothing is known of one of the other inputs: a description in part is none. */
function withOthers(
  media: InputProcessing,
  { inputs, outputs }: Interface,
  known: { readonly sampleRate?: number },
): Preprocessing | undefined {
  const others = inputs
    .filter(({ name }) => name !== media.input)
    .map((spec) => stateOf(spec, outputs) ?? sampleRateOf(spec, known.sampleRate));
  const described = others.filter((entry) => entry !== undefined);
  return described.length === others.length ? [media, ...described] : undefined;
}

/** `state` comes back as `stateN`, `h` as `hn`: the output whose name begins with the input's, of one type and rank. */
function stateOf(spec: TensorSpec, outputs: readonly TensorSpec[]): InputProcessing | undefined {
  const output = outputs.find(
    ({ name, datatype, shape }) =>
      name.toLowerCase().startsWith(spec.name.toLowerCase()) &&
      datatype === spec.datatype &&
      datatype !== "BYTES" &&
      shape.length === spec.shape.length,
  );
  if (output === undefined) return undefined;
  const shape = spec.shape.map((size) => (size === -1 ? 1 : size));
  return { kind: "state", input: spec.name, output: output.name, shape };
}

function sampleRateOf({ name }: TensorSpec, sampleRate: number | undefined): InputProcessing | undefined {
  const isRate = /^(sr|sample_?rate|sampling_?rate)$/i.test(name);
  return isRate && sampleRate !== undefined ? { kind: "constant", input: name, values: [sampleRate] } : undefined;
}

/** How far a sum of rounded probabilities lies from 1. */
const SUM_MARGIN = 0.01;

/**
 * Classes, where an answer is a list of scores: as they are where they are probabilities, else by softmax. `answer`: the
 * model's, to a real picture or sound. Undefined for anything else.
 */
export function proposeClasses(answer: readonly Tensor[], labelsCount: number): Postprocessing | undefined {
  const output = answer.find(({ shape, datatype }) => {
    const sizes = shape.filter((size) => size !== 1);
    const isList = sizes.length === 1 && shape.length <= 4;
    return isList && datatype.startsWith("FP") && (labelsCount === 0 || sizes[0] === labelsCount);
  });
  if (output === undefined || output.datatype === "FP16") return undefined;
  const scores = Array.from(elementsIn(output), Number);
  const sum = scores.reduce((total, score) => total + score, 0);
  const areProbabilities = scores.every((score) => score >= 0 && score <= 1) && Math.abs(sum - 1) < SUM_MARGIN;
  return [{ kind: "classes", output: output.name, ...(areProbabilities ? {} : { activation: "softmax" as const }) }];
}
