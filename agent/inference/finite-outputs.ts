import { elementCount, type Tensor } from "../../protocol/tensor.ts";

/**
 * Elements that are looked at in one tensor: 0.1 ms of work. A larger one is looked at in even steps; NaN spreads through
 * a network, so it is seldom alone.
 */
export const ELEMENTS_CHECKED_MAX = 65_536;

/** False where one of the outputs holds NaN or an infinity. */
export function areFinite(outputs: readonly Tensor[]): boolean {
  return outputs.every(isFiniteTensor);
}

function isFiniteTensor(tensor: Tensor): boolean {
  const { datatype, shape, bytes } = tensor;
  const count = elementCount(shape);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  switch (datatype) {
    case "FP16":
      // IEEE 754 binary16: all bits of the exponent are set in NaN and in the infinities, and in nothing else.
      return every(count, (at) => (view.getUint16(at * 2, true) & 0x7c00) !== 0x7c00);
    case "FP32":
      return every(count, (at) => Number.isFinite(view.getFloat32(at * 4, true)));
    case "FP64":
      return every(count, (at) => Number.isFinite(view.getFloat64(at * 8, true)));
    default:
      return true;
  }
}

function every(count: number, isSound: (at: number) => boolean): boolean {
  const step = Math.max(1, Math.ceil(count / ELEMENTS_CHECKED_MAX));
  for (let at = 0; at < count; at += step) if (!isSound(at)) return false;
  return true;
}
