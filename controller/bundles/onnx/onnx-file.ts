/** The parts of an ONNX file that this program looks into; the numbers are those of onnx.proto. */
import { readFile, stat } from "node:fs/promises";
import { FerryError } from "../../../common/ferry-error.ts";
import { fieldsOf, intOf, intsOf, lastOf, ProtobufMalformed, textOf, textsOf, type WireField } from "./protobuf.ts";

export const MODEL = { irVersion: 1, graph: 7, opsetImport: 8 } as const;
export const GRAPH = { node: 1, initializer: 5, input: 11 } as const;
export const NODE = { input: 1, output: 2, name: 3, opType: 4, attribute: 5, domain: 7 } as const;
export const ATTRIBUTE = { name: 1, float: 2, int: 3, tensor: 5, graph: 6, graphs: 11, type: 20 } as const;
export const TENSOR = {
  dims: 1,
  dataType: 2,
  floatData: 4,
  name: 8,
  rawData: 9,
  externalData: 13,
  dataLocation: 14,
} as const;
/** Of `TensorProto.DataType`. */
export const ELEMENT = { float: 1, int8: 3 } as const;

/** Where protobuf itself ends. */
const FILE_BYTES_MAX = 2 ** 31 - 1;

/** Graphs within graphs: exporters nest an `If` in an `If`; Silero's voice detector has 4 levels. */
const GRAPH_DEPTH_MAX = 32;

/** Throws FerryError `onnx-malformed` for a file beyond what protobuf can hold. */
export async function readOnnxFile(path: string): Promise<Uint8Array> {
  const { size } = await stat(path);
  if (size <= FILE_BYTES_MAX) return readFile(path);
  throw new FerryError("onnx-malformed", `${path} has ${size} bytes; an ONNX file holds at most ${FILE_BYTES_MAX}`, {
    hint: "Save the model with its weights as external data beside it.",
  });
}

/** Says of which file something could not be read. */
export function readingOnnx<T>(path: string, read: () => T): T {
  try {
    return read();
  } catch (cause) {
    if (!(cause instanceof ProtobufMalformed)) throw cause;
    throw new FerryError("onnx-malformed", `${path} is not an ONNX model, or is damaged: ${cause.message}`, {
      hint: "Export the model again, and compare the file's size and SHA-256 with the original.",
      cause,
    });
  }
}

/** Where a tensor's bytes lie outside the file. */
export interface ExternalData {
  /** Relative to the model's folder. */
  readonly location: string;
  readonly offset: number;
  /** To the end of the file where it is absent. */
  readonly length: number | undefined;
}

/** Undefined where the tensor holds its own bytes. */
export function externalDataOf(tensor: readonly WireField[]): ExternalData | undefined {
  const where = lastOf(tensor, TENSOR.dataLocation);
  if (where === undefined || intOf(where) !== 1) return undefined;
  const entries = new Map(
    tensor
      .filter(({ id }) => id === TENSOR.externalData)
      .map(({ content }) => fieldsOf(content))
      .map((entry) => [textOf(lastOf(entry, 1)), textOf(lastOf(entry, 2))]),
  );
  const length = entries.get("length");
  return {
    location: entries.get("location") ?? "",
    offset: Number(entries.get("offset") ?? 0),
    length: length === undefined ? undefined : Number(length),
  };
}

/** Names of the files beside the model that hold its weights. Throws ProtobufMalformed. */
export function externalFiles(model: Uint8Array): ReadonlySet<string> {
  const locations = new Set<string>();
  const graph = lastOf(fieldsOf(model), MODEL.graph);
  if (graph !== undefined) collect(graph.content, 0);
  return locations;

  function collect(content: Uint8Array, depth: number): void {
    requireDepth(depth);
    const fields = fieldsOf(content);
    for (const { id, content: part } of fields) {
      if (id === GRAPH.initializer) addTensor(part);
      if (id !== GRAPH.node) continue;
      for (const attribute of attributesOf(fieldsOf(part))) {
        for (const inner of attribute) {
          if (inner.id === ATTRIBUTE.tensor) addTensor(inner.content);
          if (inner.id === ATTRIBUTE.graph || inner.id === ATTRIBUTE.graphs) collect(inner.content, depth + 1);
        }
      }
    }
  }

  function addTensor(content: Uint8Array): void {
    const external = externalDataOf(fieldsOf(content));
    if (external !== undefined) locations.add(external.location);
  }
}

export function requireDepth(depth: number): void {
  if (depth > GRAPH_DEPTH_MAX) throw new ProtobufMalformed(`graphs are nested more than ${GRAPH_DEPTH_MAX} deep`);
}

/** The fields of each attribute of a node. */
export function attributesOf(node: readonly WireField[]): WireField[][] {
  return node.filter(({ id }) => id === NODE.attribute).map(({ content }) => fieldsOf(content));
}

export interface OnnxNode {
  readonly op: string;
  /** Empty for the standard operators. */
  readonly domain: string;
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  readonly fields: readonly WireField[];
}

export function nodeOf(content: Uint8Array): OnnxNode {
  const fields = fieldsOf(content);
  return {
    op: textOf(lastOf(fields, NODE.opType)),
    domain: textOf(lastOf(fields, NODE.domain)),
    inputs: textsOf(fields, NODE.input),
    outputs: textsOf(fields, NODE.output),
    fields,
  };
}

export function shapeOf(tensor: readonly WireField[]): number[] {
  return intsOf(tensor, TENSOR.dims);
}

/** Which version of the standard operators the model is written in. */
export function opsetOf(model: readonly WireField[]): number {
  const imports = model.filter(({ id }) => id === MODEL.opsetImport).map(({ content }) => fieldsOf(content));
  const standard = imports.find((entry) => ["", "ai.onnx"].includes(textOf(lastOf(entry, 1))));
  const version = standard === undefined ? undefined : lastOf(standard, 2);
  return version === undefined ? 1 : intOf(version);
}
