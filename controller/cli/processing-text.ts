/** What a model does with pictures, sounds and its answers, in words: for whoever looks at a bundle before it goes out. */
import type { MediaCase } from "../../protocol/bundle/golden.ts";
import type { ModelJson } from "../../protocol/bundle/model-json.ts";
import type { NumberOrParameter } from "../../protocol/bundle/parameters.ts";
import type { ResultProcessing } from "../../protocol/bundle/postprocessing.ts";
import type { InputProcessing, PictureInput, Resize, SoundInput } from "../../protocol/bundle/preprocessing.ts";
import { unreachable } from "../../protocol/unreachable.ts";

type Processing = Pick<ModelJson, "preprocessing" | "postprocessing" | "parameters">;

/** A term and a text each: `picture`, `classes`, `parameter` …. Empty where the model takes and gives tensors only. */
export function processingLines({ preprocessing = [], postprocessing = [], parameters = {} }: Processing): Line[] {
  return [
    ...preprocessing.map((entry): Line => [entry.kind, `${entry.input}: ${inputText(entry)}`]),
    ...postprocessing.map((entry): Line => [entry.kind, resultText(entry)]),
    ...Object.entries(parameters).map(([name, { default: usual, min, max, description }]): Line => {
      const why = description === undefined ? "" : `: ${description}`;
      return ["parameter", `${name} is ${usual}, an operator may set ${min} to ${max}${why}`];
    }),
  ];
}

export type Line = readonly [term: string, text: string];

function inputText(entry: InputProcessing): string {
  switch (entry.kind) {
    case "picture":
      return pictureText(entry);
    case "sound":
      return soundText(entry);
    case "constant":
      return entry.values.length > 4 ? `${entry.values.length} values` : entry.values.join(", ");
    case "state":
      return `zeros [${entry.shape.join(", ")}] at first, then what "${entry.output}" gave`;
    default:
      return unreachable(entry);
  }
}

function pictureText({ resize, filter = "antialiased", colour, scale, mean, std, layout }: PictureInput): string {
  return [
    `JPEG, PNG or npy, ${resizeText(resize)} (${filter})`,
    colour,
    ...(scale === undefined ? [] : [`level × ${short(scale)}`]),
    ...(mean === undefined ? [] : [`− ${mean.map(short).join(" ")}`]),
    ...(std === undefined ? [] : [`÷ ${std.map(short).join(" ")}`]),
    `as ${layout}`,
  ].join(", ");
}

function resizeText(resize: Resize): string {
  const frame = `${resize.width} × ${resize.height}`;
  switch (resize.mode) {
    case "stretch":
      return `stretched to ${frame}`;
    case "letterbox":
      return `fitted into ${frame} with a border`;
    case "crop":
      return `shorter side to ${resize.shorterSide}, the middle ${frame} of it`;
    case "fit":
      return `fitted into ${frame}${resize.multipleOf === undefined ? "" : `, sides by ${resize.multipleOf}`}`;
    default:
      return unreachable(resize);
  }
}

function soundText({ sampleRate, secondsMax, scale, frame }: SoundInput): string {
  return [
    `WAV, ${sampleRate} samples a second`,
    `at most ${secondsMax} s`,
    ...(scale === undefined ? [] : [`× ${short(scale)}`]),
    frame === undefined ? "at once" : `in pieces of ${frame.samples} samples`,
    ...(frame?.step === undefined ? [] : [`one each ${frame.step}`]),
  ].join(", ");
}

function resultText(entry: ResultProcessing): string {
  const steps = (...texts: readonly (string | undefined)[]) =>
    [`of "${entry.output}"`, ...texts.filter((text) => text !== undefined)].join(", ");
  switch (entry.kind) {
    case "classes":
      return steps(`the best ${numberText(entry.top ?? 5)}`, by(entry.activation), from(entry.threshold));
    case "boxes":
      return steps(
        `${entry.coordinates} in ${entry.unit}`,
        by(entry.activation),
        from(entry.threshold),
        entry.iouThreshold === undefined
          ? undefined
          : `of those that overlap by more than ${numberText(entry.iouThreshold)} the best`,
        entry.most === undefined ? undefined : `at most ${numberText(entry.most)}`,
      );
    case "regions":
      return steps(from(entry.threshold), `mean ${from(entry.scoreThreshold) ?? ""}`);
    case "segments":
      return steps(from(entry.threshold));
    case "text":
      return steps("the best character at each place");
    default:
      return unreachable(entry);
  }
}

function by(activation: string | undefined): string | undefined {
  return activation && `by ${activation}`;
}

function from(threshold: NumberOrParameter | undefined): string | undefined {
  return threshold === undefined ? undefined : `from ${numberText(threshold)} up`;
}

function numberText(value: NumberOrParameter): string {
  return typeof value === "number" ? String(value) : `parameter ${value.$param}`;
}

function short(value: number): string {
  return String(Number(value.toPrecision(4)));
}

/** What the golden set expects of a picture or a sound. */
export function expectedText({ results = {}, outputs = [] }: MediaCase): string {
  const { top, boxes, segments, text } = results;
  const [best] = top ?? [];
  return [
    ...(best === undefined ? [] : [`"${best.label}"${best.score === undefined ? "" : ` ${percent(best.score)}`}`]),
    ...(boxes === undefined ? [] : [boxes.length === 1 ? "1 box" : `${boxes.length} boxes`]),
    ...(segments === undefined ? [] : [segments.length === 1 ? "1 segment" : `${segments.length} segments`]),
    ...(text === undefined ? [] : [JSON.stringify(text)]),
    ...outputs.map(({ name, shape }) => `${name} [${shape.join(", ")}]`),
  ].join(", ");
}

function percent(share: number): string {
  return `${(share * 100).toFixed(0)} %`;
}
