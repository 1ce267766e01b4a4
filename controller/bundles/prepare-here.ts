import { openPictureDecoder } from "../../common/processing/decode/decode-picture.ts";
import {
  prepareMedia,
  type Media,
  type PreparedMedia,
  type PreparingModel,
} from "../../common/processing/prepare-media.ts";

let opening: ReturnType<typeof openPictureDecoder> | undefined;

/**
 * A picture or a sound as inputs, within this process: for files that their owner names on the command line. Throws
 * ProcessingError.
 */
export async function prepareHere(media: Media, model: PreparingModel): Promise<PreparedMedia> {
  opening ??= openPictureDecoder();
  const { decode } = await opening;
  return prepareMedia(decode, media, model);
}
