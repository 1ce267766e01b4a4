import type { PictureInput } from "../../protocol/bundle/preprocessing.ts";
import { LAYOUT_DIMENSIONS, concreteShape } from "../../protocol/bundle/processing-mistake.ts";
import type { Tensor, TensorSpec } from "../../protocol/tensor.ts";
import { halfFloats } from "./half-float.ts";
import { CHANNELS, type Picture } from "./picture.ts";

/** A picture that is in the model's frame already, as the numbers that the model was trained on. */
export function pictureTensor(picture: Picture, entry: PictureInput, spec: TensorSpec): Tensor {
  const { width, height } = picture;
  const channels = entry.colour === "gray" ? 1 : CHANNELS;
  const planes = entry.layout === "nchw" || entry.layout === "chw";
  const levels = levelsOf(picture, entry.colour, planes);
  const size = { n: 1, c: channels, h: height, w: width };
  const shape =
    entry.layout === "flat" ? concreteShape(spec) : LAYOUT_DIMENSIONS[entry.layout].map((dimension) => size[dimension]);
  const { name, datatype } = spec;
  if (datatype === "UINT8") return { name, datatype, shape, bytes: levels };
  const values = normalised(levels, entry, channels, planes);
  const array = datatype === "FP16" ? halfFloats(values) : values;
  return { name, datatype, shape, bytes: new Uint8Array(array.buffer) };
}

/** The levels in the order of the tensor: colour by colour, or pixel by pixel. */
function levelsOf({ width, height, data }: Picture, colour: PictureInput["colour"], planes: boolean): Uint8Array {
  const pixels = width * height;
  if (colour === "gray") {
    return Uint8Array.from({ length: pixels }, (_, pixel) => {
      const at = pixel * CHANNELS;
      return luma(data[at] ?? 0, data[at + 1] ?? 0, data[at + 2] ?? 0);
    });
  }
  if (colour === "rgb" && !planes) return data;
  const order = colour === "rgb" ? [0, 1, 2] : [2, 1, 0];
  const levels = new Uint8Array(pixels * CHANNELS);
  for (const [channel, from] of order.entries()) {
    for (let pixel = 0; pixel < pixels; pixel += 1) {
      const to = planes ? channel * pixels + pixel : pixel * CHANNELS + channel;
      levels[to] = data[pixel * CHANNELS + from] ?? 0;
    }
  }
  return levels;
}

/** ITU-R BT.601 in Pillow's 16-bit arithmetic. */
function luma(red: number, green: number, blue: number): number {
  return (red * 19_595 + green * 38_470 + blue * 7_471 + 0x8000) >> 16;
}

/** There are only 256 levels: each colour's values are looked up. */
function normalised(levels: Uint8Array, entry: PictureInput, channels: number, planes: boolean): Float32Array {
  const { scale = 1, mean = [0], std = [1] } = entry;
  const tables = Array.from({ length: channels }, (_, channel) => {
    const [centre, spread] = [mean[channel] ?? mean[0] ?? 0, std[channel] ?? std[0] ?? 1];
    return Float32Array.from({ length: 256 }, (_, level) => (level * scale - centre) / spread);
  });
  const values = new Float32Array(levels.length);
  const perPlane = levels.length / channels;
  for (const [channel, table] of tables.entries()) {
    const [first, step] = planes ? [channel * perPlane, 1] : [channel, channels];
    for (let count = 0, at = first; count < perPlane; count += 1, at += step) values[at] = table[levels[at] ?? 0] ?? 0;
  }
  return values;
}
