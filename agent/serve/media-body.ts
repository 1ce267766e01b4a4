/** What a request's body is, told by its first bytes: clients often send no Content-Type, or a wrong one. */
import { isNpy } from "../../common/processing/decode/read-npy.ts";
import { mediaOf } from "../../common/processing/media-of.ts";
import type { Media } from "../../common/processing/prepare-media.ts";
import type { ModelJson } from "../../protocol/bundle/model-json.ts";
import { HttpError } from "./http-answer.ts";

/**
 * A picture or a sound; undefined for tensors, in whatever form. Throws HttpError 415 for a body that its Content-Type calls
 * a picture or a sound of a kind that is not read here.
 */
export function mediaIn(body: Uint8Array, contentType: string | undefined, model: ModelJson): Media | undefined {
  const media = mediaOf(body, model);
  if (media !== undefined || isNpy(body)) return media;
  if (contentType !== undefined && /^(image|audio|video)\//i.test(contentType)) {
    throw new HttpError(
      415,
      `The body is no JPEG, PNG or WAV file, although it is called ${contentType}: send one of those`,
    );
  }
  return undefined;
}
