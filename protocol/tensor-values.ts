/** Tensors ↔ the values that stand for them in JSON: golden sets, OIP v2 requests, `/predict`. */
import { TENSOR_RANK_MAX } from "./limits.ts";
import { ProtocolError } from "./protocol-error.ts";
import { elementsIn } from "./tensor-elements.ts";
import { elementCount, type Datatype, type Tensor } from "./tensor.ts";

export type TensorValue = number | boolean | string;

/** Values in arrays of arrays, as deep as the shape is long; a scalar stands alone. */
export type NestedValues = TensorValue | readonly NestedValues[];

/**
 * The tensor that `values` describe: row-major, flat or nested as the shape is (OIP v2 allows both). Throws SCHEMA with
 * what was expected and what came. FP16 and integers beyond 2^53 are refused: JSON cannot carry them exactly.
 */
export function tensorFromValues(
  { name, datatype, shape }: { name: string; datatype: Datatype; shape: readonly number[] },
  values: unknown,
): Tensor {
  const flat = flatten(name, shape, values);
  return { name, datatype, shape, bytes: encode(name, datatype, flat) };
}

/** The flat values of a tensor, row-major. Throws SCHEMA for what JSON cannot carry, pointing to the binary form. */
export function valuesFromTensor(tensor: Tensor): TensorValue[] {
  const { name, datatype } = tensor;
  if (datatype === "FP16") throw fault(name, "FP16 has no form in JSON: ask for it as binary data");
  const elements = elementsIn(tensor);
  const values = new Array<TensorValue>(elements.length);
  for (let at = 0; at < values.length; at += 1) values[at] = valueOf(name, datatype, elements[at] ?? 0, at);
  return values;
}

/** The flat values as arrays of arrays, as the shape says. */
export function nestValues(values: readonly TensorValue[], shape: readonly number[]): NestedValues {
  const [outer, ...inner] = shape;
  if (outer === undefined) return values[0] ?? [];
  if (inner.length === 0) return values;
  const step = elementCount(inner);
  return Array.from({ length: outer }, (_, at) => nestValues(values.slice(at * step, (at + 1) * step), inner));
}

/** The shape of nested arrays, read along their first elements: [] for a value alone. Throws SCHEMA where it is no tensor's. */
export function shapeOfNested(values: unknown): number[] {
  const shape: number[] = [];
  for (let level: unknown = values; Array.isArray(level); level = level[0]) {
    shape.push(level.length);
    if (shape.length > TENSOR_RANK_MAX) {
      throw new ProtocolError("SCHEMA", "values", `more than ${TENSOR_RANK_MAX} arrays deep, which no tensor is`);
    }
  }
  return shape;
}

function flatten(name: string, shape: readonly number[], values: unknown): unknown[] {
  if (!Array.isArray(values)) {
    if (shape.length > 0) throw fault(name, `data is ${shown(values)}, expected an array`);
    return [values];
  }
  const isNested = Array.isArray(values[0]);
  const flat = isNested ? flattenNested(name, shape, values) : values;
  const count = elementCount(shape);
  if (flat.length !== count) {
    throw fault(name, `data has ${flat.length} values, expected ${count} for the shape [${shape.join(", ")}]`);
  }
  return flat;
}

function flattenNested(name: string, shape: readonly number[], values: readonly unknown[]): unknown[] {
  let level = values;
  for (const [depth, size] of shape.entries()) {
    if (depth === 0) {
      if (values.length !== size) throw fault(name, `dimension 0 of data has ${values.length} parts, expected ${size}`);
      continue;
    }
    const next: unknown[] = [];
    for (const part of level) {
      if (!Array.isArray(part) || part.length !== size) {
        const got = Array.isArray(part) ? `${part.length} parts` : shown(part);
        throw fault(
          name,
          `dimension ${depth} of data has ${got}, expected ${size} for the shape [${shape.join(", ")}]`,
        );
      }
      for (const inner of part) next.push(inner);
    }
    level = next;
  }
  return [...level];
}

function encode(name: string, datatype: Datatype, values: readonly unknown[]): Uint8Array {
  switch (datatype) {
    case "FP16":
      throw fault(name, "FP16 has no form in JSON: send it as binary data");
    case "BYTES":
      return encodeTexts(values.map((value, at) => textOf(name, value, at)));
    case "BOOL":
      return filled(new Uint8Array(values.length), values, (value, at) => boolOf(name, value, at));
    case "UINT64":
      return filled(new BigUint64Array(values.length), values, (value, at) =>
        BigInt(integerOf(name, datatype, value, at)),
      );
    case "INT64":
      return filled(new BigInt64Array(values.length), values, (value, at) =>
        BigInt(integerOf(name, datatype, value, at)),
      );
    case "FP32":
      return filled(new Float32Array(values.length), values, (value, at) => floatOf(name, datatype, value, at));
    case "FP64":
      return filled(new Float64Array(values.length), values, (value, at) => floatOf(name, datatype, value, at));
    case "UINT8":
      return filled(new Uint8Array(values.length), values, (value, at) => integerOf(name, datatype, value, at));
    case "UINT16":
      return filled(new Uint16Array(values.length), values, (value, at) => integerOf(name, datatype, value, at));
    case "UINT32":
      return filled(new Uint32Array(values.length), values, (value, at) => integerOf(name, datatype, value, at));
    case "INT8":
      return filled(new Int8Array(values.length), values, (value, at) => integerOf(name, datatype, value, at));
    case "INT16":
      return filled(new Int16Array(values.length), values, (value, at) => integerOf(name, datatype, value, at));
    case "INT32":
      return filled(new Int32Array(values.length), values, (value, at) => integerOf(name, datatype, value, at));
  }
}

type Fillable<E> = ArrayBufferView & Record<number, E>;

/** A loop, because `from` of a typed array takes thirty times as long. */
function filled<E>(array: Fillable<E>, values: readonly unknown[], of: (value: unknown, at: number) => E): Uint8Array {
  for (let at = 0; at < values.length; at += 1) array[at] = of(values[at], at);
  return new Uint8Array(array.buffer, array.byteOffset, array.byteLength);
}

function encodeTexts(texts: readonly Uint8Array[]): Uint8Array {
  const bytes = new Uint8Array(texts.reduce((sum, text) => sum + 4 + text.byteLength, 0));
  const view = new DataView(bytes.buffer);
  let at = 0;
  for (const text of texts) {
    view.setUint32(at, text.byteLength, true);
    bytes.set(text, at + 4);
    at += 4 + text.byteLength;
  }
  return bytes;
}

function textOf(name: string, value: unknown, at: number): Uint8Array {
  if (typeof value !== "string") throw wrongValue(name, "BYTES", value, at, "a text");
  return new TextEncoder().encode(value);
}

function boolOf(name: string, value: unknown, at: number): number {
  if (typeof value !== "boolean") throw wrongValue(name, "BOOL", value, at, "true or false");
  return value ? 1 : 0;
}

function floatOf(name: string, datatype: "FP32" | "FP64", value: unknown, at: number): number {
  if (typeof value !== "number") throw wrongValue(name, datatype, value, at, "a number");
  const fits = Number.isFinite(datatype === "FP32" ? Math.fround(value) : value);
  if (!fits) throw wrongValue(name, datatype, value, at, "a number within its range");
  return value;
}

type IntegerDatatype = "UINT8" | "UINT16" | "UINT32" | "UINT64" | "INT8" | "INT16" | "INT32" | "INT64";

function integerOf(name: string, datatype: IntegerDatatype, value: unknown, at: number): number {
  if (typeof value !== "number" || !Number.isInteger(value)) throw wrongValue(name, datatype, value, at, "an integer");
  if (!Number.isSafeInteger(value)) {
    throw fault(name, `element ${at} is beyond 2^53, where JSON loses digits: send it as binary data`);
  }
  const [least, most] = INTEGER_RANGES[datatype];
  if (value < least || value > most) throw wrongValue(name, datatype, value, at, `${least} to ${most}`);
  return value;
}

const INTEGER_RANGES: Readonly<Record<IntegerDatatype, readonly [number, number]>> = {
  UINT8: [0, 2 ** 8 - 1],
  UINT16: [0, 2 ** 16 - 1],
  UINT32: [0, 2 ** 32 - 1],
  UINT64: [0, 2 ** 64 - 1],
  INT8: [-(2 ** 7), 2 ** 7 - 1],
  INT16: [-(2 ** 15), 2 ** 15 - 1],
  INT32: [-(2 ** 31), 2 ** 31 - 1],
  INT64: [-(2 ** 63), 2 ** 63 - 1],
};

function valueOf(name: string, datatype: Datatype, element: number | bigint | Uint8Array, at: number): TensorValue {
  if (typeof element === "number") {
    if (datatype === "BOOL") return element !== 0;
    if (Number.isFinite(element)) return element;
    throw fault(name, `element ${at} is ${element}, which JSON cannot carry: ask for it as binary data`);
  }
  if (typeof element === "bigint") {
    const value = Number(element);
    if (Number.isSafeInteger(value)) return value;
    throw fault(name, `element ${at} is beyond 2^53, where JSON loses digits: ask for it as binary data`);
  }
  try {
    return utf8.decode(element);
  } catch {
    throw fault(name, `element ${at} is not UTF-8 text, which JSON cannot carry: ask for it as binary data`);
  }
}

const utf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

function wrongValue(name: string, datatype: Datatype, value: unknown, at: number, expected: string): ProtocolError {
  return fault(name, `element ${at} is ${shown(value)}, expected ${expected} (${datatype})`);
}

function fault(name: string, detail: string): ProtocolError {
  return new ProtocolError("SCHEMA", `tensor "${name}"`, detail);
}

/** What came, short enough for a sentence. */
function shown(value: unknown): string {
  if (Array.isArray(value)) return `an array of ${value.length}`;
  // Not by `String`: an object from outside may have a `toString` that is no function.
  if (typeof value === "object" && value !== null) return "an object";
  const text = typeof value === "string" ? JSON.stringify(value) : String(value);
  return text.length > 40 ? `${text.slice(0, 40)}…` : text;
}
