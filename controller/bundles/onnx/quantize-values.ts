/** Float weights as 8-bit integers with one scale for each channel. Pure. */

export interface QuantizedValues {
  readonly values: Int8Array;
  /** One for each channel: value × scale is the weight, nearly. */
  readonly scales: Float32Array;
}

/**
 * Symmetric, so that 0 stays 0 exactly: the largest weight of a channel becomes `levelMax`. Returns undefined where a
 * weight is no finite number. `shape` is row-major; its dimension `axis` counts the channels.
 */
export function quantizeValues(
  weights: Float32Array,
  { shape, axis, levelMax }: { readonly shape: readonly number[]; readonly axis: number; readonly levelMax: number },
): QuantizedValues | undefined {
  const channels = shape[axis] ?? 1;
  // Values that follow each other in one channel.
  const run = shape.slice(axis + 1).reduce((product, size) => product * size, 1);
  const channelOf = (at: number) => Math.floor(at / run) % channels;
  const largest = new Float32Array(channels);
  for (let at = 0; at < weights.length; at += 1) {
    const size = Math.abs(weights[at] ?? 0);
    if (!Number.isFinite(size)) return undefined;
    const channel = channelOf(at);
    if (size > (largest[channel] ?? 0)) largest[channel] = size;
  }
  // A channel of zeros, or of numbers so small that their scale would be none, is zeros.
  const scales = largest.map((size) => Math.fround(size / levelMax) || 1);
  const values = new Int8Array(weights.length);
  for (let at = 0; at < weights.length; at += 1) {
    const level = Math.round((weights[at] ?? 0) / (scales[channelOf(at)] ?? 1));
    values[at] = Math.max(-levelMax, Math.min(levelMax, level));
  }
  return { values, scales };
}

/** A matrix with rows and columns exchanged. */
export function transposed(values: Int8Array, rows: number, columns: number): Int8Array {
  const result = new Int8Array(values.length);
  for (let row = 0; row < rows; row += 1) {
    for (let column = 0; column < columns; column += 1) {
      result[column * rows + row] = values[row * columns + column] ?? 0;
    }
  }
  return result;
}
