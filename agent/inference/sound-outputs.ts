import { elementCount, type Tensor } from "../../protocol/tensor.ts";

/**
 * Elements that are looked at in one output: 0.1 ms of work. A larger one is looked at in even steps; NaN spreads through
 * a network, so it is seldom alone.
 */
export const ELEMENTS_CHECKED_MAX = 65_536;

/** False where an output holds NaN or an infinity although every number of the input was finite. */
export function areSound(outputs: readonly Tensor[], inputs: readonly Tensor[]): boolean {
  const isFiniteEnough = (tensor: Tensor) => isFiniteTensor(tensor, stepFor(tensor));
  return outputs.every(isFiniteEnough) || !inputs.every((tensor) => isFiniteTensor(tensor, 1));
}

function stepFor({ shape }: Tensor): number {
  return Math.max(1, Math.ceil(elementCount(shape) / ELEMENTS_CHECKED_MAX));
}

function isFiniteTensor({ datatype, shape, bytes }: Tensor, step: number): boolean {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const count = elementCount(shape);
  const every = (isFiniteAt: (at: number) => boolean) => {
    for (let at = 0; at < count; at += step) if (!isFiniteAt(at)) return false;
    return true;
  };
  switch (datatype) {
    case "FP16":
      // IEEE 754 binary16: all bits of the exponent are set in NaN and in the infinities, and in nothing else.
      return every((at) => (view.getUint16(at * 2, true) & 0x7c00) !== 0x7c00);
    case "FP32":
      return every((at) => Number.isFinite(view.getFloat32(at * 4, true)));
    case "FP64":
      return every((at) => Number.isFinite(view.getFloat64(at * 8, true)));
    default:
      return true;
  }
}
