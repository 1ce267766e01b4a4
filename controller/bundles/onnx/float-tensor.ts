import { closeSync, fstatSync, openSync, readSync } from "node:fs";
import { join } from "node:path";
import { ELEMENT, externalDataOf, shapeOf, TENSOR, type ExternalData } from "./onnx-file.ts";
import { intOf, lastOf, ProtobufMalformed, type WireField } from "./protobuf.ts";

/** A tensor of float32, read. */
export interface FloatTensor {
  readonly shape: readonly number[];
  readonly values: Float32Array;
}

/** True for float32, whose values may then be read. */
export function isFloat(tensor: readonly WireField[]): boolean {
  const type = lastOf(tensor, TENSOR.dataType);
  return type !== undefined && intOf(type) === ELEMENT.float;
}

/** From wherever the format lets them lie; `directory` is the model's own. Throws ProtobufMalformed. */
export function readFloatTensor(tensor: readonly WireField[], directory: string): FloatTensor {
  const shape = shapeOf(tensor);
  const count = shape.reduce((product, size) => product * size, 1);
  const bytes = tensorBytes(tensor, directory);
  if (bytes.byteLength !== count * 4) {
    throw new ProtobufMalformed(`a tensor of [${shape.join(", ")}] floats has ${bytes.byteLength} bytes`);
  }
  // Copied: floats must begin where 4 divides the address, and a field begins anywhere.
  return { shape, values: new Float32Array(Uint8Array.from(bytes).buffer) };
}

/** A tensor's bytes, from wherever the format lets them lie. */
export function tensorBytes(tensor: readonly WireField[], directory: string): Uint8Array {
  const external = externalDataOf(tensor);
  if (external !== undefined) return readPart(directory, external);
  const raw = lastOf(tensor, TENSOR.rawData);
  // Packed or alone, a repeated float's content is its 4 bytes each.
  return (
    raw?.content ?? Buffer.concat(tensor.filter(({ id }) => id === TENSOR.floatData).map(({ content }) => content))
  );
}

/** onnxruntime has loaded the model before, and refuses files that lie outside its folder. */
function readPart(directory: string, { location, offset, length }: ExternalData): Uint8Array {
  const file = openSync(join(directory, location), "r");
  try {
    const size = fstatSync(file).size;
    const wanted = length ?? size - offset;
    if (!(offset >= 0 && wanted >= 0 && offset + wanted <= size)) {
      throw new ProtobufMalformed(`a tensor lies at ${offset} of ${location}, which has ${size} bytes`);
    }
    const bytes = Buffer.alloc(wanted);
    for (let at = 0; at < wanted;) {
      const read = readSync(file, bytes, at, wanted - at, offset + at);
      if (read === 0) throw new ProtobufMalformed(`${location} became shorter while it was read`);
      at += read;
    }
    return bytes;
  } finally {
    closeSync(file);
  }
}
