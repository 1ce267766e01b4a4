/** Writes ONNX files of a few nodes by hand: what a test needs to know of a model then stands in the test itself. */

/** Element types as onnx.proto numbers them. */
export const ONNX_TYPES = {
  FP32: 1,
  UINT8: 2,
  INT8: 3,
  UINT16: 4,
  INT16: 5,
  INT32: 6,
  INT64: 7,
  BYTES: 8,
  BOOL: 9,
  FP16: 10,
  FP64: 11,
  UINT32: 12,
  UINT64: 13,
} as const;

interface TinyValue {
  readonly name: string;
  readonly type: keyof typeof ONNX_TYPES;
  /** A text stands for a dimension that varies. */
  readonly shape: readonly (number | string)[];
}

interface TinyNode {
  readonly op: string;
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
}

/** A constant: its float32 values, or the file beside the model that should hold them. */
interface TinyInitializer {
  readonly name: string;
  readonly shape: readonly number[];
  readonly values: readonly number[] | { readonly file: string };
}

export interface TinyModel {
  readonly inputs: readonly TinyValue[];
  readonly outputs: readonly TinyValue[];
  readonly nodes: readonly TinyNode[];
  readonly initializers?: readonly TinyInitializer[];
  /** Which version of the standard operators; onnxruntime 1.27 knows up to 24 or so. */
  readonly opset?: number;
}

/** The bytes of an ONNX ModelProto. */
export function tinyOnnx({ inputs, outputs, nodes, initializers = [], opset = 17 }: TinyModel): Uint8Array {
  const graph = message([
    ...nodes.map((node) => field(1, nodeProto(node))),
    field(2, text("tiny")),
    ...initializers.map((initializer) => field(5, tensorProto(initializer))),
    ...inputs.map((value) => field(11, valueInfo(value))),
    ...outputs.map((value) => field(12, valueInfo(value))),
  ]);
  return message([number(1, 8), field(7, graph), field(8, message([number(2, opset)]))]);
}

function nodeProto({ op, inputs, outputs }: TinyNode): Buffer {
  return message([
    ...inputs.map((name) => field(1, text(name))),
    ...outputs.map((name) => field(2, text(name))),
    field(4, text(op)),
  ]);
}

function valueInfo({ name, type, shape }: TinyValue): Buffer {
  const dimensions = shape.map((dimension) =>
    field(1, typeof dimension === "number" ? message([number(1, dimension)]) : message([field(2, text(dimension))])),
  );
  const tensorType = message([number(1, ONNX_TYPES[type]), field(2, message(dimensions))]);
  return message([field(1, text(name)), field(2, message([field(1, tensorType)]))]);
}

function tensorProto({ name, shape, values }: TinyInitializer): Buffer {
  const head = [...shape.map((dimension) => number(1, dimension)), number(2, ONNX_TYPES.FP32), field(8, text(name))];
  if ("file" in values) {
    const location = message([field(1, text("location")), field(2, text(values.file))]);
    return message([...head, field(13, location), number(14, 1)]);
  }
  return message([...head, field(9, Buffer.from(Float32Array.from(values).buffer))]);
}

function text(value: string): Buffer {
  return Buffer.from(value);
}

function message(fields: readonly Buffer[]): Buffer {
  return Buffer.concat(fields);
}

/** A length-delimited field. */
function field(id: number, bytes: Buffer): Buffer {
  return Buffer.concat([varint(id * 8 + 2), varint(bytes.byteLength), bytes]);
}

function number(id: number, value: number): Buffer {
  return Buffer.concat([varint(id * 8), varint(value)]);
}

function varint(value: number): Buffer {
  const bytes: number[] = [];
  for (let rest = value; ; rest = Math.floor(rest / 128)) {
    if (rest < 128) return Buffer.from([...bytes, rest]);
    bytes.push((rest % 128) + 128);
  }
}
