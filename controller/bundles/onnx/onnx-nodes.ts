/** Parts of a graph that this program writes; the numbers are those of onnx.proto. */
import { ATTRIBUTE, ELEMENT, GRAPH, NODE, TENSOR } from "./onnx-file.ts";
import { bytesField, intField, type Pieces } from "./protobuf.ts";

/** `AttributeProto.AttributeType`. */
const ATTRIBUTE_TYPE = { int: 2, tensor: 4 } as const;

interface NodeParts {
  readonly op: string;
  readonly inputs: readonly string[];
  readonly output: string | readonly string[];
  readonly attributes?: readonly Pieces[];
}

/** A node as a field of its graph. */
export function nodeField({ op, inputs, output, attributes = [] }: NodeParts): Pieces {
  const outputs = typeof output === "string" ? [output] : output;
  return bytesField(GRAPH.node, [
    ...inputs.flatMap((name) => bytesField(NODE.input, name)),
    ...outputs.flatMap((name) => bytesField(NODE.output, name)),
    ...bytesField(NODE.opType, op),
    ...attributes.flatMap((attribute) => bytesField(NODE.attribute, attribute)),
  ]);
}

export function intAttribute(name: string, value: number): Pieces {
  return [
    ...bytesField(ATTRIBUTE.name, name),
    ...intField(ATTRIBUTE.int, value),
    ...intField(ATTRIBUTE.type, ATTRIBUTE_TYPE.int),
  ];
}

/**
 * A `Constant` of 8-bit integers or of floats. Not an initializer: before version 4 of the format these are inputs too,
 * and a graph within a graph has its constants as nodes.
 */
export function constantField(name: string, shape: readonly number[], values: Int8Array | Float32Array): Pieces {
  const tensor = [
    ...shape.flatMap((size) => intField(TENSOR.dims, size)),
    ...intField(TENSOR.dataType, values instanceof Int8Array ? ELEMENT.int8 : ELEMENT.float),
    ...bytesField(TENSOR.rawData, new Uint8Array(values.buffer, values.byteOffset, values.byteLength)),
  ];
  const value = [
    ...bytesField(ATTRIBUTE.name, "value"),
    ...bytesField(ATTRIBUTE.tensor, tensor),
    ...intField(ATTRIBUTE.type, ATTRIBUTE_TYPE.tensor),
  ];
  return nodeField({ op: "Constant", inputs: [], output: name, attributes: [value] });
}
