import type { OutputRange } from "../../protocol/bundle/model-json.ts";
import { isOutside } from "../../protocol/bundle/output-range.ts";
import { elementsIn } from "../../protocol/tensor-elements.ts";
import { ELEMENT_BYTES, elementCount, type Tensor } from "../../protocol/tensor.ts";

/** What is wrong with an answer that the model did give. */
export type OutputFault = "not-finite" | "out-of-range";

/**
 * Elements that are looked at in one output: some 0.1 ms of work. Of a larger one, as many at even steps; NaN spreads
 * through a network, so it is seldom alone.
 */
export const ELEMENTS_CHECKED_MAX = 65_536;

/** Undefined where every output is sound, and where the input had numbers that were not finite: the model is not to blame. */
export function faultOf(
  outputs: readonly Tensor[],
  inputs: readonly Tensor[],
  ranges: Readonly<Record<string, Readonly<OutputRange>>>,
): OutputFault | undefined {
  for (const output of outputs) {
    const fault = faultIn(sampleOf(output), ranges[output.name]);
    if (fault !== undefined) return inputs.every(isFinite) ? fault : undefined;
  }
  return undefined;
}

function faultIn(output: Tensor, range: Readonly<OutputRange> | undefined): OutputFault | undefined {
  if (!isFinite(output)) return "not-finite";
  return range !== undefined && isOutside(output, range) ? "out-of-range" : undefined;
}

function isFinite(tensor: Tensor): boolean {
  if (!tensor.datatype.startsWith("FP")) return true;
  const elements = elementsIn(tensor);
  const count = elements.length;
  for (let at = 0; at < count; at += 1) if (!Number.isFinite(elements[at])) return false;
  return true;
}

/** A tensor of one dimension with every n-th element; the tensor itself where that is every one. */
function sampleOf(tensor: Tensor): Tensor {
  const { name, datatype, shape, bytes } = tensor;
  const count = elementCount(shape);
  const step = Math.ceil(count / ELEMENTS_CHECKED_MAX);
  if (datatype === "BYTES" || step <= 1) return tensor;
  const size = ELEMENT_BYTES[datatype];
  const length = Math.floor(count / step);
  const sample = new Uint8Array(length * size);
  for (let at = 0; at < length; at += 1) {
    for (let byte = 0; byte < size; byte += 1) sample[at * size + byte] = bytes[at * step * size + byte] ?? 0;
  }
  return { name, datatype, shape: [length], bytes: sample };
}
