/** Whether what a model says of its processing fits its inputs, its outputs and itself: found when a bundle is made, not when a picture comes. */
import { elementCount, shapeFits, type Datatype, type TensorSpec } from "../tensor.ts";
import { unreachable } from "../unreachable.ts";
import { parametersMistake, type Parameters } from "./parameters.ts";
import type { Postprocessing, ResultProcessing } from "./postprocessing.ts";
import {
  mediaInput,
  type ConstantInput,
  type InputProcessing,
  type PictureInput,
  type PictureLayout,
  type Preprocessing,
  type SoundInput,
  type StateInput,
} from "./preprocessing.ts";

interface Described {
  readonly inputs: readonly TensorSpec[];
  readonly outputs: readonly TensorSpec[];
  readonly labels?: string;
  readonly preprocessing?: Preprocessing;
  readonly postprocessing?: Postprocessing;
  readonly parameters?: Parameters;
}

/** The first mistake, in a sentence; undefined where there is none. */
export function processingMistake(model: Described): string | undefined {
  return (
    parametersMistake(model.parameters) ??
    firstOf(model.preprocessing ?? [], (entry) => inputMistake(entry, model)) ??
    inputsMistake(model) ??
    firstOf(model.postprocessing ?? [], (entry) => resultMistake(entry, model)) ??
    resultsMistake(model.postprocessing ?? []) ??
    unusedParameter(model)
  );
}

function firstOf<T>(entries: readonly T[], mistakeOf: (entry: T) => string | undefined): string | undefined {
  for (const entry of entries) {
    const mistake = mistakeOf(entry);
    if (mistake !== undefined) return mistake;
  }
  return undefined;
}

function inputsMistake({ inputs, preprocessing = [] }: Described): string | undefined {
  const twin = preprocessing.find(({ input }, at) => preprocessing.findIndex((other) => other.input === input) !== at);
  if (twin !== undefined) return `preprocessing says twice what becomes of the input "${twin.input}"`;
  const media = preprocessing.filter(({ kind }) => kind === "picture" || kind === "sound");
  if (media.length > 1) return "preprocessing takes more than one picture or sound; a request has one";
  if (media.length === 0) return undefined;
  const open = inputs.find(({ name }) => !preprocessing.some(({ input }) => input === name));
  return open && `preprocessing says nothing of the input "${open.name}", which then nobody would fill`;
}

function inputMistake(entry: InputProcessing, model: Described): string | undefined {
  const spec = model.inputs.find(({ name }) => name === entry.input);
  if (spec === undefined) return `preprocessing names the input "${entry.input}", which the model does not have`;
  const mistake = mistakeIn(entry, spec, model);
  return mistake && `preprocessing of "${entry.input}": ${mistake}`;
}

function mistakeIn(entry: InputProcessing, spec: TensorSpec, model: Described): string | undefined {
  switch (entry.kind) {
    case "picture":
      return pictureMistake(entry, spec);
    case "sound":
      return soundMistake(entry, spec);
    case "constant":
      return constantMistake(entry, spec);
    case "state":
      return stateMistake(entry, spec, model);
    default:
      return unreachable(entry);
  }
}

const PICTURE_DATATYPES: readonly Datatype[] = ["FP32", "FP16", "UINT8"];
const SOUND_DATATYPES: readonly Datatype[] = ["FP32", "FP16"];

type Dimension = "n" | "c" | "h" | "w";

/** Of each layout, what its dimensions are. */
export const LAYOUT_DIMENSIONS: Readonly<Record<Exclude<PictureLayout, "flat">, readonly Dimension[]>> = {
  nchw: ["n", "c", "h", "w"],
  nhwc: ["n", "h", "w", "c"],
  chw: ["c", "h", "w"],
  hwc: ["h", "w", "c"],
  nhw: ["n", "h", "w"],
  hw: ["h", "w"],
};

function pictureMistake(entry: PictureInput, { datatype, shape }: TensorSpec): string | undefined {
  const { layout, resize, colour, mean = [0], std = [1], scale = 1 } = entry;
  if (!PICTURE_DATATYPES.includes(datatype))
    return `a picture becomes ${PICTURE_DATATYPES.join(", ")}, not ${datatype}`;
  const channels = colour === "gray" ? 1 : 3;
  for (const [what, values] of [["mean", mean] as const, ["std", std] as const]) {
    if (values.length !== 1 && values.length !== channels)
      return `${what} has ${values.length} values for ${channels} colours`;
  }
  const changesLevels = scale !== 1 || mean.some((value) => value !== 0) || std.some((value) => value !== 1);
  if (datatype === "UINT8" && changesLevels) return "a UINT8 input takes the levels as they are: no scale, mean or std";
  if (resize.mode === "crop" && Math.max(resize.width, resize.height) > resize.shorterSide) {
    return `nothing of ${resize.width} × ${resize.height} can be cut where the shorter side is ${resize.shorterSide}`;
  }
  const isOpen = resize.mode === "fit";
  const size = { n: 1, c: channels, h: isOpen ? -1 : resize.height, w: isOpen ? -1 : resize.width };
  if (layout === "flat") {
    const values = channels * size.h * size.w;
    const declared = elementCount(shape.map((dimension) => (dimension === -1 ? 1 : dimension)));
    if (isOpen) return "a flat layout needs a frame of one size: fit has many";
    return values === declared
      ? undefined
      : `the frame has ${values} values, the input [${shape.join(", ")}] takes ${declared}`;
  }
  const dimensions = LAYOUT_DIMENSIONS[layout];
  if (channels === 3 && !dimensions.includes("c")) return `the layout ${layout} has no place for three colours`;
  const made = dimensions.map((dimension) => size[dimension]);
  const fits = made.length === shape.length && made.every((value, at) => shape[at] === -1 || shape[at] === value);
  return fits ? undefined : `makes [${made.join(", ")}] (${layout}), the input takes [${shape.join(", ")}]`;
}

function soundMistake({ frame }: SoundInput, { datatype, shape }: TensorSpec): string | undefined {
  if (!SOUND_DATATYPES.includes(datatype)) return `a sound becomes ${SOUND_DATATYPES.join(" or ")}, not ${datatype}`;
  const around = shape.slice(0, -1);
  const samples = shape.at(-1);
  if (samples === undefined || around.some((dimension) => dimension !== 1 && dimension !== -1)) {
    return `a sound is [samples] with nothing but ones around it, the input takes [${shape.join(", ")}]`;
  }
  if (frame === undefined) return undefined;
  if (samples !== -1 && samples !== frame.samples)
    return `a frame has ${frame.samples} samples, the input takes ${samples}`;
  const { step = frame.samples } = frame;
  return step <= frame.samples ? undefined : `a step of ${step} passes over samples: a frame has ${frame.samples}`;
}

function constantMistake({ shape, values }: ConstantInput, spec: TensorSpec): string | undefined {
  if (spec.datatype === "BYTES" || spec.datatype === "BOOL")
    return `a constant is a number, the input takes ${spec.datatype}`;
  const made = shape ?? concreteShape(spec);
  if (!shapeFits(made, spec.shape)) return `makes [${made.join(", ")}], the input takes [${spec.shape.join(", ")}]`;
  const count = elementCount(made);
  if (values.length !== 1 && values.length !== count) return `has ${values.length} values for [${made.join(", ")}]`;
  const isInteger = spec.datatype.includes("INT");
  return isInteger && !values.every((value) => Number.isSafeInteger(value))
    ? `${spec.datatype} takes whole numbers`
    : undefined;
}

/** With 1 for what is open. */
export function concreteShape({ shape }: TensorSpec): number[] {
  return shape.map((dimension) => (dimension === -1 ? 1 : dimension));
}

function stateMistake({ output, shape }: StateInput, spec: TensorSpec, { outputs }: Described): string | undefined {
  const source = outputs.find(({ name }) => name === output);
  if (source === undefined) return noOutput(output, outputs);
  if (source.datatype !== spec.datatype) return `"${output}" is ${source.datatype}, the input takes ${spec.datatype}`;
  if (source.datatype === "BYTES") return "a state of BYTES has no zero to begin with";
  return shapeFits(shape, spec.shape)
    ? undefined
    : `is [${shape.join(", ")}], the input takes [${spec.shape.join(", ")}]`;
}

function noOutput(name: string, outputs: readonly TensorSpec[]): string {
  return `names the output "${name}", which the model does not have; it has ${outputs.map((spec) => `"${spec.name}"`).join(", ")}`;
}

function resultMistake(entry: ResultProcessing, model: Described): string | undefined {
  const mistake = mistakeOfResult(entry, model) ?? unknownParameter(entry, model.parameters ?? {});
  return mistake && `postprocessing (${entry.kind}): ${mistake}`;
}

function mistakeOfResult(
  entry: ResultProcessing,
  { outputs, labels, preprocessing = [] }: Described,
): string | undefined {
  const named = entry.kind === "boxes" ? [entry.output, entry.scores] : [entry.output];
  const unknown = named.find((name) => name !== undefined && !outputs.some((spec) => spec.name === name));
  if (unknown !== undefined) return noOutput(unknown, outputs);
  switch (entry.kind) {
    case "classes":
    case "regions":
      return undefined;
    case "boxes":
      if (entry.values === "none" && entry.scores === undefined)
        return "says neither where scores stand nor in which output";
      return entry.values !== "none" && entry.scores !== undefined
        ? `has scores in "${entry.output}" and in "${entry.scores}"`
        : undefined;
    case "segments": {
      const media = mediaInput(preprocessing);
      const hasFrames = media?.kind === "sound" && media.frame !== undefined;
      return hasFrames ? undefined : "needs a sound that the model sees in frames";
    }
    case "text":
      return labels === undefined ? "needs the bundle's labels: they are its characters" : undefined;
    default:
      return unreachable(entry);
  }
}

/** What of an answer each kind fills. */
const FILLS: Readonly<Record<ResultProcessing["kind"], string>> = {
  classes: "top",
  boxes: "boxes",
  regions: "boxes",
  segments: "segments",
  text: "text",
};

function resultsMistake(postprocessing: Postprocessing): string | undefined {
  const filled = postprocessing.map(({ kind }) => FILLS[kind]);
  const twin = filled.find((what, at) => filled.indexOf(what) !== at);
  return twin && `postprocessing fills ${twin} of the answer twice`;
}

function unknownParameter(entry: ResultProcessing, parameters: Parameters): string | undefined {
  const unknown = namesIn(entry).find((name) => !Object.hasOwn(parameters, name));
  return unknown && `names the parameter "${unknown}", which the model does not declare`;
}

/** A parameter that changes nothing would let an operator believe that it does. */
function unusedParameter({ parameters = {}, postprocessing = [] }: Described): string | undefined {
  const used = new Set(postprocessing.flatMap(namesIn));
  const unused = Object.keys(parameters).find((name) => !used.has(name));
  return unused && `parameter "${unused}" is named by no step of postprocessing: it would change nothing`;
}

function namesIn(entry: ResultProcessing): string[] {
  return Object.values(entry).flatMap((value) => (typeof value === "object" ? [value.$param] : []));
}
