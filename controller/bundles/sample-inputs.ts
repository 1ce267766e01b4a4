import { readFile } from "node:fs/promises";
import { Type, type Static } from "typebox";
import { EXIT, FerryError, messageOf, systemCodeOf } from "../../common/ferry-error.ts";
import { TENSORS_MAX } from "../../protocol/limits.ts";
import { ProtocolError } from "../../protocol/protocol-error.ts";
import { gate, parseJson } from "../../protocol/schema.ts";
import { shapeOfNested, tensorFromValues } from "../../protocol/tensor-values.ts";
import { Datatype, Shape, shapeFits, type Tensor, type TensorSpec } from "../../protocol/tensor.ts";

/** Inputs for one run of a model. */
export interface SampleCase {
  readonly name: string;
  readonly inputs: readonly Tensor[];
}

/** 256 cases of a 224 × 224 RGB image at about 2 characters a value, with room: read whole into memory on a laptop. */
const SAMPLES_BYTES_MAX = 256 * 1024 ** 2;

const NamedValues = Type.Record(Type.String(), Type.Unknown());
const OipInputs = Type.Array(
  Type.Object({ name: Type.String(), datatype: Datatype, shape: Shape, data: Type.Unknown() }),
  { minItems: 1, maxItems: TENSORS_MAX },
);

/** Other fields, such as a label, are for people. */
const Samples = Type.Array(
  Type.Object({
    name: Type.Optional(Type.String({ minLength: 1, maxLength: 200 })),
    inputs: Type.Union([OipInputs, NamedValues]),
  }),
  { minItems: 1 },
);
type Sample = Static<typeof Samples>[number];

/** A person made the file: however large it is, they are told where it is wrong. */
const check = gate("samples", Samples, { explainedPartsMax: Infinity });

/**
 * Reads sample inputs: a JSON list of `{name?, inputs}`, where `inputs` is either `{tensor name: nested array}` or the
 * `inputs` of an Open Inference Protocol v2 request; a file `….jsonl` has one sample a line instead. Throws FerryError
 * `bad-samples` that names the sample.
 */
export async function readSampleList(path: string, specs: readonly TensorSpec[]): Promise<SampleCase[]> {
  const samples = await readList(path);
  return samples.map((sample, at) => {
    const name = sample.name ?? `sample ${at + 1}`;
    try {
      return { name, inputs: specs.map((spec) => inputOf(sample, spec)) };
    } catch (cause) {
      if (!(cause instanceof ProtocolError)) throw cause;
      throw badSamples(path, `${name}: ${cause.message}`, specs, cause);
    }
  });
}

async function readList(path: string): Promise<Sample[]> {
  try {
    const bytes = await readFile(path);
    return parseJson("samples", path.endsWith(".jsonl") ? listOfLines(path, bytes) : bytes, SAMPLES_BYTES_MAX, check);
  } catch (cause) {
    if (cause instanceof ProtocolError) throw badSamples(path, cause.message, [], cause);
    if (systemCodeOf(cause) !== "ENOENT") throw cause;
    throw new FerryError("not-found", `There is no file ${path}`, {
      hint: "Give a JSON file of sample inputs with --samples, or leave it out for synthetic ones.",
      exitCode: EXIT.notFound,
      cause,
    });
  }
}

/** Lines of JSON as one list. A line that is none is named: of the whole list, a person would be told a position. */
function listOfLines(path: string, bytes: Buffer): Buffer {
  const lines = bytes.toString("utf8").split(/\r?\n/);
  const samples = lines.flatMap((line, at) => {
    if (line.trim() === "") return [];
    try {
      JSON.parse(line);
    } catch (cause) {
      throw badSamples(path, `line ${at + 1} is no JSON: ${messageOf(cause)}`, [], cause);
    }
    return [line];
  });
  return Buffer.from(`[${samples.join(",")}]`);
}

function inputOf({ inputs }: Sample, spec: TensorSpec): Tensor {
  const tensor = Array.isArray(inputs) ? fromOip(inputs, spec) : fromNested(inputs, spec);
  if (!shapeFits(tensor.shape, spec.shape)) {
    const [came, wanted] = [tensor.shape, spec.shape].map((shape) => `[${shape.join(", ")}]`);
    throw fault(spec.name, `its shape is ${String(came)}, the model takes ${String(wanted)}`);
  }
  return tensor;
}

function fromOip(inputs: Static<typeof OipInputs>, spec: TensorSpec): Tensor {
  const input = inputs.find(({ name }) => name === spec.name);
  if (input === undefined) throw fault(spec.name, "it is missing");
  if (input.datatype !== spec.datatype) {
    throw fault(spec.name, `its datatype is ${input.datatype}, the model takes ${spec.datatype}`);
  }
  return tensorFromValues(input, input.data);
}

function fromNested(inputs: Static<typeof NamedValues>, { name, datatype }: TensorSpec): Tensor {
  if (!Object.hasOwn(inputs, name)) throw fault(name, "it is missing");
  const values = inputs[name];
  return tensorFromValues({ name, datatype, shape: shapeOfNested(values) }, values);
}

function fault(name: string, why: string): ProtocolError {
  return new ProtocolError("SCHEMA", `input "${name}"`, why);
}

export function badSamples(path: string, why: string, specs: readonly TensorSpec[], cause?: unknown): FerryError {
  const example = specs.map(({ name, shape }) => `"${name}": ${shape.length === 0 ? "…" : "[…]"}`).join(", ");
  return new FerryError("bad-samples", `Cannot use the samples in ${path}: ${why}`, {
    hint: `The file is a JSON list such as [{"name": "first", "inputs": {${example || '"input": [[1, 2, 3]]'}}}].`,
    cause,
  });
}
