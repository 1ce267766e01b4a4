import { ProcessingError } from "../processing-error.ts";
import type { Picture, PictureDecoder } from "../picture.ts";
import { readPictureHeader } from "./picture-header.ts";
import { openSharpDecoder } from "./sharp-decoder.ts";
import { turnUpright } from "./turn-upright.ts";
import { openWasmDecoder } from "./wasm-decoder.ts";

export type DecoderName = "sharp" | "wasm";

/** `sharp` where it is installed and can be loaded, else WebAssembly: the pixels are the same. See decision 0009. */
export async function openPictureDecoder(only?: DecoderName): Promise<{ name: DecoderName; decode: PictureDecoder }> {
  const sharp = only === "wasm" ? undefined : await openSharpDecoder();
  if (sharp !== undefined) return { name: "sharp", decode: sharp };
  if (only === "sharp") throw new Error("sharp is not installed");
  return { name: "wasm", decode: await openWasmDecoder() };
}

/**
 * A JPEG or PNG file as a viewer shows it, without its transparency and its colour profile: so do the libraries with which
 * models are trained. Throws ProcessingError.
 */
export async function decodePicture(decode: PictureDecoder, bytes: Uint8Array): Promise<Picture> {
  const { format, width, height, orientation } = readPictureHeader(bytes);
  const picture = await decode(bytes, format).catch((cause: unknown) => {
    throw new ProcessingError("bad-media", `The ${format.toUpperCase()} file is damaged: it cannot be decoded`, {
      cause,
    });
  });
  if (picture.width !== width || picture.height !== height) {
    throw new ProcessingError("bad-media", `The ${format.toUpperCase()} file says two sizes of itself`);
  }
  return turnUpright(picture, orientation);
}
