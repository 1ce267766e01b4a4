/** Runs in the runner, which loads none of the schemas: they would cost each of them 14 MB. */
import type { OutputRange } from "../../../protocol/bundle/model-json.ts";
import type { Datatype, Tensor } from "../../../protocol/tensor.ts";

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
    const step = Math.max(1, Math.ceil(countOf(output) / ELEMENTS_CHECKED_MAX));
    const fault = faultIn(output, step, ranges[output.name] ?? ANY);
    if (fault !== undefined) return inputs.some((input) => faultIn(input, 1, ANY) !== undefined) ? undefined : fault;
  }
  return undefined;
}

const ANY = [-Infinity, Infinity] as const;

/** Looks at every n-th element. */
function faultIn(tensor: Tensor, step: number, [least, most]: Readonly<OutputRange>): OutputFault | undefined {
  if (tensor.datatype === "BYTES") return undefined;
  const values = valuesIn(tensor, tensor.datatype);
  for (let at = 0; at < values.length; at += step) {
    const value = Number(values[at]);
    // NaN and the infinities are the only numbers whose difference to themselves is not 0; no integer is one of them.
    if (value - value !== 0) return "not-finite";
    if (value < least || value > most) return "out-of-range";
  }
  return undefined;
}

function valuesIn({ bytes }: Tensor, datatype: Exclude<Datatype, "BYTES">): ArrayLike<number | bigint> {
  const Values = ARRAYS[datatype];
  // Not `slice`: a Buffer's is a view.
  const aligned = bytes.byteOffset % Values.BYTES_PER_ELEMENT === 0 ? bytes : new Uint8Array(bytes);
  return new Values(aligned.buffer, aligned.byteOffset, aligned.byteLength / Values.BYTES_PER_ELEMENT);
}

function countOf({ shape }: Tensor): number {
  return shape.reduce((count, dimension) => count * dimension, 1);
}

interface ArrayKind {
  readonly BYTES_PER_ELEMENT: number;
  new (buffer: ArrayBufferLike, offset: number, length: number): ArrayLike<number | bigint>;
}

/** OIP v2: elements are little-endian, as every supported machine is. */
const ARRAYS: Readonly<Record<Exclude<Datatype, "BYTES">, ArrayKind>> = {
  BOOL: Uint8Array,
  UINT8: Uint8Array,
  UINT16: Uint16Array,
  UINT32: Uint32Array,
  UINT64: BigUint64Array,
  INT8: Int8Array,
  INT16: Int16Array,
  INT32: Int32Array,
  INT64: BigInt64Array,
  FP16: Float16Array,
  FP32: Float32Array,
  FP64: Float64Array,
};
