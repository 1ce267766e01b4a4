import type { ModelJson } from "../../protocol/bundle/model-json.ts";
import { mediaInput } from "../../protocol/bundle/preprocessing.ts";
import { shapeFits } from "../../protocol/tensor.ts";
import { isJpeg, isPng } from "./decode/picture-header.ts";
import { isNpy, readNpy } from "./decode/read-npy.ts";
import { isWav } from "./decode/read-wav.ts";
import { CHANNELS } from "./picture.ts";
import type { Media } from "./prepare-media.ts";

/**
 * The picture or sound that bytes are, told by the first of them; undefined for anything else. Throws ProcessingError for
 * an .npy file that cannot be read.
 */
export function mediaOf(bytes: Uint8Array, model: Pick<ModelJson, "inputs" | "preprocessing">): Media | undefined {
  if (isJpeg(bytes) || isPng(bytes) || isWav(bytes)) return { kind: "file", bytes };
  return isNpy(bytes) ? pictureIn(bytes, model) : undefined;
}

/** An array of levels, height × width × colours, where it is not the model's input as it stands. */
function pictureIn(
  npy: Uint8Array,
  { inputs, preprocessing }: Pick<ModelJson, "inputs" | "preprocessing">,
): Media | undefined {
  const entry = mediaInput(preprocessing);
  if (entry?.kind !== "picture") return undefined;
  const { datatype, shape, bytes } = readNpy(npy);
  const isInput = inputs.some((spec) => spec.name === entry.input && shapeFits(shape, spec.shape));
  const [height = 0, width = 0, channels] = shape;
  const pixels = height * width;
  if (datatype !== "UINT8" || isInput || pixels === 0) return undefined;
  if (channels === CHANNELS && shape.length === 3 && bytes.byteLength === pixels * CHANNELS) {
    return { kind: "picture", picture: { width, height, data: bytes } };
  }
  if (shape.length !== 2 || bytes.byteLength !== pixels) return undefined;
  const data = Uint8Array.from({ length: pixels * CHANNELS }, (_, at) => bytes[Math.floor(at / CHANNELS)] ?? 0);
  return { kind: "picture", picture: { width, height, data } };
}
