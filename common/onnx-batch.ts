/** Requests that are computed together: their tensors joined along the first dimension, and the answers cut apart again. */
import type { OnnxTensor } from "./onnx-tensor.ts";

/** The first dimension that all inputs of one request share; undefined where they do not, and it must be computed alone. */
export function rowsOf(inputs: readonly Pick<OnnxTensor, "shape">[]): number | undefined {
  const rows = inputs[0]?.shape[0];
  return rows !== undefined && rows > 0 && inputs.every(({ shape }) => shape[0] === rows) ? rows : undefined;
}

/** Equal texts: the inputs differ in their rows only, so they can be joined. */
export function joinKey(inputs: readonly Omit<OnnxTensor, "bytes">[]): string {
  const parts = inputs.map(({ name, datatype, shape }) => `${name} ${datatype} ${shape.slice(1).join("×")}`);
  return parts.sort().join("\n");
}

/** Of requests whose `joinKey` is the same. */
export function joinInputs(requests: readonly (readonly OnnxTensor[])[]): OnnxTensor[] {
  const [first = []] = requests;
  return first.map(({ name, datatype, shape }) => {
    const parts = requests.flatMap((inputs) => inputs.filter((input) => input.name === name));
    const rows = parts.reduce((sum, part) => sum + (part.shape[0] ?? 0), 0);
    return { name, datatype, shape: [rows, ...shape.slice(1)], bytes: Buffer.concat(parts.map(({ bytes }) => bytes)) };
  });
}

/**
 * What belongs to each request, in the order of `rows`; it shares the batch's memory. Undefined where a tensor has another
 * number of rows: a model that gives such outputs does not answer row by row.
 */
export function splitRows(tensors: readonly OnnxTensor[], rows: readonly number[]): OnnxTensor[][] | undefined {
  const total = rows.reduce((sum, count) => sum + count, 0);
  if (tensors.some(({ shape }) => shape[0] !== total)) return undefined;
  const parts = tensors.map((tensor) => partsOf(tensor, rows, total));
  return rows.map((_, at) => parts.flatMap((part) => part[at] ?? []));
}

/** Inputs of the same shapes that any model can compute, and that are unlike others: all zeros, texts as they are. */
export function blankInputs(inputs: readonly OnnxTensor[]): OnnxTensor[] {
  return inputs.map((input) =>
    input.datatype === "BYTES" ? input : { ...input, bytes: new Uint8Array(input.bytes.byteLength) },
  );
}

function partsOf({ bytes, shape, ...spec }: OnnxTensor, rows: readonly number[], total: number): OnnxTensor[] {
  const rest = shape.slice(1);
  const elements = rest.reduce((count, dimension) => count * dimension, 1);
  const after =
    spec.datatype === "BYTES"
      ? (from: number, count: number) => afterTexts(bytes, from, count * elements)
      : (from: number, count: number) => from + (bytes.byteLength / total) * count;
  let at = 0;
  return rows.map((count) => {
    const from = at;
    at = after(from, count);
    return { ...spec, shape: [count, ...rest], bytes: bytes.subarray(from, at) };
  });
}

/** OIP v2, binary tensor extension: each element has its length before it, in 4 bytes. */
function afterTexts(bytes: Uint8Array, from: number, count: number): number {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let at = from;
  for (let element = 0; element < count; element += 1) at += 4 + view.getUint32(at, true);
  return at;
}
