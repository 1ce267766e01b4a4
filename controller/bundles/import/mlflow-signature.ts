import { Type, type Static } from "typebox";
import { ProtocolError } from "../../../protocol/protocol-error.ts";
import { gate } from "../../../protocol/schema.ts";
import type { Datatype } from "../../../protocol/tensor.ts";
import { badSource, type DeclaredTensor, type Notes } from "./foreign-model.ts";

/** Each a list of columns or of tensors, as JSON in a text of the YAML. */
interface Signature {
  readonly inputs?: string | null;
  readonly outputs?: string | null;
  readonly params?: string | null;
}

const TensorEntry = Type.Object({
  type: Type.Literal("tensor"),
  name: Type.Optional(Type.String()),
  "tensor-spec": Type.Object({ dtype: Type.String(), shape: Type.Array(Type.Integer({ minimum: -1 })) }),
});
/** A column of a table; `type` may also be a nested one, such as an array of an array. */
const ColumnEntry = Type.Object({
  type: Type.String(),
  name: Type.Optional(Type.Union([Type.String(), Type.Integer()])),
});
const Entries = Type.Array(Type.Union([TensorEntry, ColumnEntry]));
type Entry = Static<typeof Entries>[number];

const check = gate("MLflow signature", Entries, { explainedPartsMax: Infinity });

/** numpy's names. */
const DATATYPES: Readonly<Record<string, Datatype>> = {
  bool: "BOOL",
  uint8: "UINT8",
  uint16: "UINT16",
  uint32: "UINT32",
  uint64: "UINT64",
  int8: "INT8",
  int16: "INT16",
  int32: "INT32",
  int64: "INT64",
  float16: "FP16",
  float32: "FP32",
  float64: "FP64",
  str: "BYTES",
  object: "BYTES",
};

/** Throws FerryError `import-source` for a signature that cannot be read. */
export function readSignature(
  { inputs, outputs, params }: Signature,
  notes: Notes,
): { readonly inputs: readonly DeclaredTensor[]; readonly outputs: readonly DeclaredTensor[] } {
  if (inputs === undefined || inputs === null)
    notes.chosen.push("inputs and outputs of the ONNX file: the model has no signature");
  if (params !== undefined && params !== null && params !== "[]")
    notes.left.push("parameters of the signature: an ONNX file has none");
  return { inputs: tensorsOf("inputs", inputs, notes), outputs: tensorsOf("outputs", outputs, notes) };
}

function tensorsOf(role: "inputs" | "outputs", text: string | null | undefined, notes: Notes): DeclaredTensor[] {
  if (text === undefined || text === null) return [];
  const entries = parse(role, text);
  const tensors = entries.filter((entry): entry is Static<typeof TensorEntry> => "tensor-spec" in entry);
  if (tensors.length < entries.length) {
    // MLflow makes one array of the columns, or one of each where the ONNX file has as many inputs: the file decides.
    const columns = entries.map(({ name, type }) => `${name ?? "?"} ${type}`);
    notes.chosen.push(`${role} of the ONNX file: the signature has columns of a table (${shortList(columns)})`);
    return [];
  }
  return tensors.map((tensor) => declaredOf(role, tensor, notes));
}

function parse(role: string, text: string): Entry[] {
  try {
    return check(JSON.parse(text));
  } catch (cause) {
    if (!(cause instanceof ProtocolError || cause instanceof SyntaxError)) throw cause;
    throw badSource(
      `The signature's ${role} cannot be read: ${cause.message}`,
      "Save the model again with MLflow.",
      cause,
    );
  }
}

/** MLflow turns the float64 that JSON clients send into the float32 that the model takes: so may the signature say. */
function declaredOf(
  role: "inputs" | "outputs",
  { name, "tensor-spec": { dtype, shape } }: Static<typeof TensorEntry>,
  notes: Notes,
): DeclaredTensor {
  const datatype = DATATYPES[dtype];
  const called = name === undefined ? {} : { name };
  if (role === "inputs" && dtype === "float64") {
    notes.chosen.push(
      `the ONNX file's datatype for ${name ?? "an input"} that the signature calls float64: MLflow converts, a device does not`,
    );
    return { ...called, shape };
  }
  return { ...called, shape, ...(datatype === undefined ? {} : { datatype }) };
}

const LISTED_MAX = 4;

function shortList(texts: readonly string[]): string {
  const more = texts.length - LISTED_MAX;
  return [...texts.slice(0, LISTED_MAX), ...(more > 0 ? [`${more} more`] : [])].join(", ");
}
