/** The elements of a tensor, read from its little-endian bytes. Every supported machine is little-endian itself. */
import { ProtocolError } from "./protocol-error.ts";
import { ELEMENT_BYTES, elementCount, type Tensor } from "./tensor.ts";

/** Row-major. BOOL as 0 and 1, the 64-bit integers as bigint, BYTES as byte strings, all others as numbers. */
export type Elements = ArrayLike<number | bigint | Uint8Array>;

/** Throws SCHEMA, naming the tensor, where its bytes do not fit its shape; copies nothing of them. */
export function checkElements(tensor: Tensor): void {
  const { datatype, shape, bytes } = tensor;
  const count = elementCount(shape);
  if (datatype === "BYTES") {
    byteStringsIn(tensor, count);
    return;
  }
  const wantedBytes = count * ELEMENT_BYTES[datatype];
  if (bytes.byteLength !== wantedBytes) throw unfit(tensor, `has ${bytes.byteLength} bytes, expected ${wantedBytes}`);
}

/** Throws SCHEMA, as `checkElements` does. Numbers share the tensor's memory if aligned. */
export function elementsIn(tensor: Tensor): Elements {
  const { datatype, shape, bytes } = tensor;
  const count = elementCount(shape);
  if (datatype === "BYTES") return byteStringsIn(tensor, count);
  checkElements(tensor);
  const size = ELEMENT_BYTES[datatype];
  // Not `slice`: a Buffer's is a view.
  const aligned = bytes.byteOffset % size === 0 ? bytes : new Uint8Array(bytes);
  const at = [aligned.buffer, aligned.byteOffset, count] as const;
  switch (datatype) {
    case "BOOL":
    case "UINT8":
      return new Uint8Array(...at);
    case "UINT16":
      return new Uint16Array(...at);
    case "UINT32":
      return new Uint32Array(...at);
    case "UINT64":
      return new BigUint64Array(...at);
    case "INT8":
      return new Int8Array(...at);
    case "INT16":
      return new Int16Array(...at);
    case "INT32":
      return new Int32Array(...at);
    case "INT64":
      return new BigInt64Array(...at);
    case "FP16":
      return Float32Array.from(new Uint16Array(...at), halfValue);
    case "FP32":
      return new Float32Array(...at);
    case "FP64":
      return new Float64Array(...at);
  }
}

/** OIP v2, binary tensor extension: each element has its length before it, in 4 bytes. */
function byteStringsIn(tensor: Tensor, count: number): Uint8Array[] {
  const { bytes } = tensor;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const elements: Uint8Array[] = [];
  for (let at = 0; at < bytes.byteLength;) {
    const end = at + 4 > bytes.byteLength ? Infinity : at + 4 + view.getUint32(at, true);
    if (end > bytes.byteLength) throw unfit(tensor, `ends in the middle of element ${elements.length}`);
    elements.push(bytes.subarray(at + 4, end));
    at = end;
  }
  if (elements.length !== count) throw unfit(tensor, `has ${elements.length} elements, expected ${count}`);
  return elements;
}

/** IEEE 754 binary16: 1 bit sign, 5 bits exponent, 10 bits fraction. */
function halfValue(bits: number): number {
  const sign = bits >> 15 === 0 ? 1 : -1;
  const exponent = (bits >> 10) & 0x1f;
  const fraction = bits & 0x3ff;
  if (exponent === 0x1f) return fraction === 0 ? sign * Infinity : NaN;
  return exponent === 0 ? sign * fraction * 2 ** -24 : sign * (1 + fraction / 1024) * 2 ** (exponent - 15);
}

function unfit({ name, datatype, shape }: Tensor, problem: string): ProtocolError {
  return new ProtocolError("SCHEMA", `tensor "${name}"`, `${problem} for ${datatype} [${shape.join(", ")}]`);
}
