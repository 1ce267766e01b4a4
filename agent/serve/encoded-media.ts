/** Pictures and sounds within JSON: base64, or bytes that were. */
import { mediaOf } from "../../common/processing/media-of.ts";
import type { Media } from "../../common/processing/prepare-media.ts";
import type { ModelJson } from "../../protocol/bundle/model-json.ts";
import { mediaInput } from "../../protocol/bundle/preprocessing.ts";
import { HttpError } from "./http-answer.ts";

/** TensorFlow Serving's way to write bytes in JSON. */
export interface EncodedBytes {
  readonly b64: string;
}

export function isEncoded(value: unknown): value is EncodedBytes {
  return typeof value === "object" && value !== null && "b64" in value && typeof value.b64 === "string";
}

/** Whether a text among a request's values is a file: a model that takes pictures or sounds takes no other texts. */
export function takesMedia({ preprocessing }: Pick<ModelJson, "preprocessing">): boolean {
  return mediaInput(preprocessing) !== undefined;
}

/** `data:image/png;base64,` may stand before it, as browsers write it. Throws HttpError 400. */
export function mediaOfText(text: string, model: ModelJson): Media {
  const encoded = text.replace(/^data:[^,]{0,100},/, "").trim();
  if (encoded === "" || !/^[A-Za-z0-9+/_\s-]+={0,2}$/.test(encoded)) {
    throw new HttpError(400, `A picture or sound in JSON is base64, and this is not: ${shown(text)}`);
  }
  return mediaOfBytes(Buffer.from(encoded, "base64"), model);
}

/** Throws HttpError 400. */
export function mediaOfBytes(bytes: Uint8Array, model: ModelJson): Media {
  const media = mediaOf(bytes, model);
  if (media !== undefined) return media;
  throw new HttpError(400, `The ${bytes.byteLength} bytes are no JPEG, PNG or WAV file: send one of those`);
}

function shown(text: string): string {
  return JSON.stringify(text.length > 40 ? `${text.slice(0, 40)}…` : text);
}
