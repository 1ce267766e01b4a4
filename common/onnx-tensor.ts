/** Tensors as the wire carries them ↔ as onnxruntime takes them. Every supported machine is little-endian. */
import type { Tensor } from "onnxruntime-node";
import { FerryError } from "./ferry-error.ts";

/** The Open Inference Protocol's names; the same as `Datatype` of the protocol, which this folder may not import. */
export type OnnxDatatype = keyof typeof KINDS | "BYTES";

/** -1 stands for a dimension that varies from call to call; a scalar has the shape []. */
export interface OnnxTensorSpec {
  readonly name: string;
  readonly datatype: OnnxDatatype;
  readonly shape: readonly number[];
}

/** Little-endian bytes, row-major; each element of BYTES has its length before it, in 4 bytes. */
export interface OnnxTensor extends OnnxTensorSpec {
  readonly bytes: Uint8Array;
}

type TensorConstructor = typeof Tensor;

/** How each datatype of fixed size is called by onnxruntime, and the array that its constructor wants. */
const KINDS = {
  BOOL: { type: "bool", array: Uint8Array },
  UINT8: { type: "uint8", array: Uint8Array },
  UINT16: { type: "uint16", array: Uint16Array },
  UINT32: { type: "uint32", array: Uint32Array },
  UINT64: { type: "uint64", array: BigUint64Array },
  INT8: { type: "int8", array: Int8Array },
  INT16: { type: "int16", array: Int16Array },
  INT32: { type: "int32", array: Int32Array },
  INT64: { type: "int64", array: BigInt64Array },
  FP16: { type: "float16", array: Uint16Array },
  FP32: { type: "float32", array: Float32Array },
  FP64: { type: "float64", array: Float64Array },
} as const;

/** The datatype that onnxruntime calls `type`; undefined for the 4-bit types, which the protocol does not have. */
export function datatypeOf(type: Tensor.Type): OnnxDatatype | undefined {
  return type === "string" ? "BYTES" : DATATYPES.find((datatype) => KINDS[datatype].type === type);
}

const DATATYPES = [
  "BOOL",
  "UINT8",
  "UINT16",
  "UINT32",
  "UINT64",
  "INT8",
  "INT16",
  "INT32",
  "INT64",
  "FP16",
  "FP32",
  "FP64",
] as const;

/** Shares the bytes where their place in memory allows it, else copies. Throws FerryError `onnx-tensor`. */
export function toRuntimeTensor(constructor: TensorConstructor, tensor: OnnxTensor): Tensor {
  const count = tensor.shape.reduce((product, dimension) => product * dimension, 1);
  if (tensor.datatype === "BYTES") return new constructor("string", textsIn(tensor, count), tensor.shape);
  const { type, array } = KINDS[tensor.datatype];
  const wantedBytes = count * array.BYTES_PER_ELEMENT;
  if (tensor.bytes.byteLength !== wantedBytes) {
    throw unfit(tensor, `holds ${tensor.bytes.byteLength} bytes, its shape needs ${wantedBytes}`);
  }
  const isAligned = tensor.bytes.byteOffset % array.BYTES_PER_ELEMENT === 0;
  // Not `slice`: a Buffer's is a view.
  const { buffer, byteOffset } = isAligned ? tensor.bytes : new Uint8Array(tensor.bytes);
  const data = new array(buffer as ArrayBuffer, byteOffset, count);
  return withHalves(new constructor(type, data, tensor.shape), data);
}

/**
 * The constructor turns halves into a Float16Array, of which the native side of 1.27 reads 0 bytes (onnxruntime pull
 * request 32323): it must see the Uint16Array.
 */
function withHalves(tensor: Tensor, data: ArrayBufferView): Tensor {
  return tensor.type === "float16" ? Object.defineProperty(tensor, "data", { value: data }) : tensor;
}

/** The bytes are the runtime's own memory: good until the tensor is collected with them. Throws FerryError `onnx-tensor`. */
export function fromRuntimeTensor(name: string, { type, dims, data }: Tensor): OnnxTensor {
  const datatype = datatypeOf(type);
  if (datatype === undefined)
    throw new FerryError("onnx-tensor", `Output "${name}" is of type ${type}, which no datatype carries`);
  const bytes = Array.isArray(data) ? joinTexts(data) : new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
  return { name, datatype, shape: dims, bytes };
}

function textsIn(tensor: OnnxTensor, count: number): string[] {
  const { bytes } = tensor;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const texts: string[] = [];
  for (let at = 0; at < bytes.byteLength;) {
    const end = at + 4 > bytes.byteLength ? Infinity : at + 4 + view.getUint32(at, true);
    if (end > bytes.byteLength) throw unfit(tensor, `ends in the middle of element ${texts.length}`);
    texts.push(decodeText(tensor, bytes.subarray(at + 4, end)));
    at = end;
  }
  if (texts.length !== count) throw unfit(tensor, `holds ${texts.length} elements, its shape needs ${count}`);
  return texts;
}

/** onnxruntime takes strings from JavaScript as text: bytes that are none would reach the model changed. */
function decodeText(tensor: OnnxTensor, bytes: Uint8Array): string {
  try {
    return utf8.decode(bytes);
  } catch (cause) {
    throw unfit(tensor, "holds bytes that are not UTF-8 text, which is what a model with strings takes", cause);
  }
}

const utf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

function joinTexts(texts: readonly string[]): Uint8Array {
  return Buffer.concat(
    texts.flatMap((text) => {
      const bytes = Buffer.from(text);
      const length = Buffer.alloc(4);
      length.writeUInt32LE(bytes.byteLength);
      return [length, bytes];
    }),
  );
}

function unfit({ name, datatype, shape }: OnnxTensor, problem: string, cause?: unknown): FerryError {
  const what = `Tensor "${name}" (${datatype} [${shape.join(", ")}])`;
  return new FerryError("onnx-tensor", `${what} ${problem}`, { cause });
}
