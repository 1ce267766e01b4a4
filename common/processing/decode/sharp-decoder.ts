/** Decoding by `sharp` (libvips), where it is there: about twice as fast as WebAssembly, and not needed. */
import { CHANNELS, type PictureDecoder } from "../picture.ts";

/** Undefined where it is not installed, or has no build for this machine. */
export async function openSharpDecoder(): Promise<PictureDecoder | undefined> {
  const sharp = await import("sharp").then(
    (module) => module.default,
    () => undefined,
  );
  if (sharp === undefined) return undefined;
  // One picture at a time: nothing is worth keeping from one to the next, and the cores belong to the models.
  sharp.cache(false);
  sharp.concurrency(1);
  return async (bytes) => {
    const { data, info } = await sharp(bytes, { ignoreIcc: true, failOn: "warning" })
      .toColourspace("srgb")
      .removeAlpha()
      .raw({ depth: "uchar" })
      .toBuffer({ resolveWithObject: true });
    const { width, height, channels } = info;
    return { width, height, data: channels === CHANNELS ? data : grayToColour(data, channels) };
  };
}

function grayToColour(data: Uint8Array, channels: number): Uint8Array {
  const pixels = data.length / channels;
  const colour = new Uint8Array(pixels * CHANNELS);
  for (let pixel = 0; pixel < pixels; pixel += 1)
    colour.fill(data[pixel * channels] ?? 0, pixel * CHANNELS, (pixel + 1) * CHANNELS);
  return colour;
}
