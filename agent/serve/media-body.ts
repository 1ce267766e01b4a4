/** What a request's body is, told by its first bytes: clients often send no Content-Type, or a wrong one. */
import type { ModelJson } from "../../protocol/bundle/model-json.ts";
import { mediaInput } from "../../protocol/bundle/preprocessing.ts";
import { shapeFits } from "../../protocol/tensor.ts";
import { isJpeg, isPng } from "../processing/decode/picture-header.ts";
import { isWav } from "../processing/decode/read-wav.ts";
import { CHANNELS } from "../processing/picture.ts";
import type { Media } from "../processing/prepare-media.ts";
import { HttpError } from "./http-answer.ts";
import { isNpy, readNpy } from "./npy.ts";

/**
 * A picture or a sound; undefined for tensors, in whatever form. Throws HttpError 415 for a body that its Content-Type calls
 * a picture or a sound of a kind that is not read here.
 */
export function mediaIn(body: Uint8Array, contentType: string | undefined, model: ModelJson): Media | undefined {
  if (isJpeg(body) || isPng(body) || isWav(body)) return { kind: "file", bytes: body };
  if (isNpy(body)) return pictureIn(body, model);
  if (contentType !== undefined && /^(image|audio|video)\//i.test(contentType)) {
    throw new HttpError(
      415,
      `The body is no JPEG, PNG or WAV file, although it is called ${contentType}: send one of those`,
    );
  }
  return undefined;
}

/** An array of levels, height × width × colours, where it is not the model's input as it stands. */
function pictureIn(body: Uint8Array, { inputs, preprocessing }: ModelJson): Media | undefined {
  const entry = mediaInput(preprocessing);
  if (entry?.kind !== "picture") return undefined;
  const { datatype, shape, bytes } = readNpy(body);
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
