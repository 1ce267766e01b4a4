/** Resizing, ours rather than a library's: what a model sees must be the same on every machine, to the last bit. */
import type { ResizeFilter } from "../../protocol/bundle/preprocessing.ts";
import { CHANNELS, type Picture } from "./picture.ts";

/** Throws nothing: any picture can have any size. */
export function resample(picture: Picture, width: number, height: number, filter: ResizeFilter): Picture {
  if (picture.width === width && picture.height === height) return picture;
  const columns = weightsFor(picture.width, width, filter);
  const rows = weightsFor(picture.height, height, filter);
  return { width, height, data: overRows(overColumns(picture, columns), width, rows) };
}

/** For each place along one side of the result: which places of the source count, and how much. */
interface Weights {
  readonly first: Int32Array;
  readonly counts: Int32Array;
  /** `most` for each place, those that are not used being 0. */
  readonly weights: Float32Array;
  readonly most: number;
}

const KERNELS: Readonly<Record<ResizeFilter, { readonly support: number; readonly at: (distance: number) => number }>> =
  {
    nearest: { support: 0.5, at: () => 1 },
    antialiased: { support: 1, at: triangle },
    bilinear: { support: 1, at: triangle },
    bicubic: { support: 2, at: keysCubic },
  };

function triangle(distance: number): number {
  return Math.max(0, 1 - Math.abs(distance));
}

/** Keys' convolution kernel with a = −0.5, as Pillow has it. */
function keysCubic(distance: number): number {
  const x = Math.abs(distance);
  if (x < 1) return 1.5 * x ** 3 - 2.5 * x ** 2 + 1;
  return x < 2 ? -0.5 * x ** 3 + 2.5 * x ** 2 - 4 * x + 2 : 0;
}

/** Pixels are squares whose centres lie at halves: the convention of Pillow, OpenCV and libvips. */
function weightsFor(from: number, to: number, filter: ResizeFilter): Weights {
  const ratio = from / to;
  if (filter === "nearest") return nearestFor(from, to, ratio);
  const { support, at } = KERNELS[filter];
  // Without antialiasing the kernel keeps the width of one pixel of the source, however many fall between two results.
  const stretch = filter === "bilinear" ? 1 : Math.max(1, ratio);
  const reach = support * stretch;
  const most = Math.ceil(reach) * 2 + 1;
  const first = new Int32Array(to);
  const counts = new Int32Array(to);
  const weights = new Float32Array(to * most);
  for (let place = 0; place < to; place += 1) {
    const centre = (place + 0.5) * ratio;
    const low = Math.max(0, Math.floor(centre - reach + 0.5));
    const high = Math.min(from, Math.floor(centre + reach + 0.5));
    const begin = Math.min(low, from - 1);
    const count = Math.max(1, high - begin);
    first[place] = begin;
    counts[place] = count;
    normalise(weights.subarray(place * most, place * most + count), (index) =>
      at((begin + index + 0.5 - centre) / stretch),
    );
  }
  return { first, counts, weights, most };
}

function normalise(weights: Float32Array, weightOf: (index: number) => number): void {
  let sum = 0;
  for (let index = 0; index < weights.length; index += 1) sum += weights[index] = weightOf(index);
  // Beyond the edge nothing is in reach: the pixel at the edge stands for it.
  if (sum === 0) weights[0] = sum = 1;
  for (let index = 0; index < weights.length; index += 1) weights[index] = (weights[index] ?? 0) / sum;
}

function nearestFor(from: number, to: number, ratio: number): Weights {
  const first = Int32Array.from({ length: to }, (_, place) => Math.min(from - 1, Math.floor((place + 0.5) * ratio)));
  return { first, counts: new Int32Array(to).fill(1), weights: new Float32Array(to).fill(1), most: 1 };
}

/** Not rounded between the two passes. */
function overColumns({ width, height, data }: Picture, { first, counts, weights, most }: Weights): Float32Array {
  const columns = first.length;
  const result = new Float32Array(columns * height * CHANNELS);
  for (let y = 0, to = 0; y < height; y += 1) {
    const row = y * width * CHANNELS;
    for (let x = 0; x < columns; x += 1, to += CHANNELS) {
      let [red, green, blue] = [0, 0, 0];
      let from = row + (first[x] ?? 0) * CHANNELS;
      const count = counts[x] ?? 0;
      for (let index = 0, at = x * most; index < count; index += 1, at += 1, from += CHANNELS) {
        const weight = weights[at] ?? 0;
        red += weight * (data[from] ?? 0);
        green += weight * (data[from + 1] ?? 0);
        blue += weight * (data[from + 2] ?? 0);
      }
      result[to] = red;
      result[to + 1] = green;
      result[to + 2] = blue;
    }
  }
  return result;
}

function overRows(source: Float32Array, width: number, { first, counts, weights, most }: Weights): Uint8Array {
  const rowValues = width * CHANNELS;
  const result = new Uint8ClampedArray(first.length * rowValues);
  const sums = new Float32Array(rowValues);
  for (let y = 0; y < first.length; y += 1) {
    sums.fill(0);
    const count = counts[y] ?? 0;
    for (let index = 0; index < count; index += 1) {
      const weight = weights[y * most + index] ?? 0;
      const from = ((first[y] ?? 0) + index) * rowValues;
      for (let at = 0; at < rowValues; at += 1) sums[at] = (sums[at] ?? 0) + weight * (source[from + at] ?? 0);
    }
    // A clamped array rounds halves to even, the same on every machine.
    result.set(sums, y * rowValues);
  }
  return new Uint8Array(result.buffer);
}
