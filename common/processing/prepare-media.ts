/** From the bytes of a picture or a sound, and `model.json`, to the inputs of one or more inferences. */
import type { ModelJson } from "../../protocol/bundle/model-json.ts";
import {
  mediaInput,
  type ConstantInput,
  type InputProcessing,
  type StateInput,
} from "../../protocol/bundle/preprocessing.ts";
import { concreteShape } from "../../protocol/bundle/processing-mistake.ts";
import { tensorFromValues } from "../../protocol/tensor-values.ts";
import { ELEMENT_BYTES, elementCount, type Tensor, type TensorSpec } from "../../protocol/tensor.ts";
import { decodePicture } from "./decode/decode-picture.ts";
import { readWav } from "./decode/read-wav.ts";
import { framePicture, type Placement } from "./frame-picture.ts";
import { halfFloats } from "./half-float.ts";
import type { Picture, PictureDecoder } from "./picture.ts";
import { pictureTensor } from "./picture-tensor.ts";
import { ProcessingError } from "./processing-error.ts";
import { soundTensors } from "./sound-tensors.ts";

/** What of `model.json` decides about the inputs. */
export type PreparingModel = Pick<ModelJson, "inputs" | "preprocessing">;

export interface PreparedMedia {
  /** The input that the media became, for one inference or, in this order, for each frame of a sound. */
  readonly frames: readonly Tensor[];
  /** Where a picture lies in the frame; absent for sounds. */
  readonly placement?: Placement;
  /** From the beginning of one frame of a sound to that of the next; absent for pictures. */
  readonly stepMs?: number;
}

/** What a client sent: a JPEG, PNG or WAV file, or a picture that it has decoded itself. */
export type Media =
  { readonly kind: "file"; readonly bytes: Uint8Array } | { readonly kind: "picture"; readonly picture: Picture };

/** Throws ProcessingError. */
export async function prepareMedia(
  decode: PictureDecoder,
  media: Media,
  model: PreparingModel,
): Promise<PreparedMedia> {
  const entry = mediaInput(model.preprocessing);
  const spec = model.inputs.find(({ name }) => name === entry?.input);
  if (entry === undefined || spec === undefined) throw new ProcessingError("bad-media", takesTensors(model));
  if (entry.kind === "picture") {
    const picture = media.kind === "picture" ? media.picture : await decodePicture(decode, media.bytes);
    const framed = framePicture(picture, entry.resize, entry.filter);
    return { frames: [pictureTensor(framed.picture, entry, spec)], placement: framed.placement };
  }
  if (media.kind === "picture") throw new ProcessingError("bad-media", "This model takes sounds, as WAV files");
  const { sampleRate, frame } = entry;
  const frames = soundTensors(readWav(media.bytes, entry.secondsMax), entry, spec);
  if (frame === undefined) return { frames };
  return { frames, stepMs: ((frame.step ?? frame.samples) / sampleRate) * 1_000 };
}

function takesTensors({ inputs }: PreparingModel): string {
  const specs = inputs.map(({ name, datatype, shape }) => `${name} ${datatype} [${shape.join(", ")}]`).join("; ");
  return `This model takes neither pictures nor sounds, because its model.json has no preprocessing for them, but tensors: ${specs}`;
}

/** The inputs beside the picture or sound: constants, and states as they are before the first frame. */
export function steadyInputs({ inputs, preprocessing = [] }: PreparingModel): Tensor[] {
  return preprocessing.flatMap((entry) => {
    const spec = inputs.find(({ name }) => name === entry.input);
    return spec === undefined ? [] : steadyInput(entry, spec);
  });
}

function steadyInput(entry: InputProcessing, spec: TensorSpec): Tensor[] {
  if (entry.kind === "constant") return [constantTensor(entry, spec)];
  return entry.kind === "state" ? [zeroTensor(entry, spec)] : [];
}

function constantTensor({ shape, values }: ConstantInput, spec: TensorSpec): Tensor {
  const { name, datatype } = spec;
  const made = shape ?? concreteShape(spec);
  const [first = 0] = values;
  const all = values.length === 1 ? Array.from({ length: elementCount(made) }, () => first) : values;
  if (datatype !== "FP16") return tensorFromValues({ name, datatype, shape: made }, made.length === 0 ? first : all);
  return { name, datatype, shape: made, bytes: new Uint8Array(halfFloats(Float32Array.from(all)).buffer) };
}

function zeroTensor({ shape }: StateInput, { name, datatype }: TensorSpec): Tensor {
  // `processing-mistake.ts` lets no state be of BYTES, which have no size.
  const elementBytes = datatype === "BYTES" ? 0 : ELEMENT_BYTES[datatype];
  return { name, datatype, shape, bytes: new Uint8Array(elementCount(shape) * elementBytes) };
}
