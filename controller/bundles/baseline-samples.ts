import { readFile } from "node:fs/promises";
import { EXIT, FerryError, systemCodeOf } from "../../common/ferry-error.ts";
import { readNpy } from "../../common/processing/decode/read-npy.ts";
import { ProcessingError } from "../../common/processing/processing-error.ts";
import { ProtocolError } from "../../protocol/protocol-error.ts";
import { tensorFromValues } from "../../protocol/tensor-values.ts";
import { elementCount, type Tensor, type TensorSpec } from "../../protocol/tensor.ts";
import { badSamples, readSampleList, type SampleCase } from "./sample-inputs.ts";

/**
 * Samples that a baseline is made of, by the name of the file: `.npy`, one array whose first dimension counts samples; `.csv`,
 * one sample a line; `.jsonl`, a JSON object a line; else the JSON list that `ferry bundle init --samples` takes. The first two are for models with one input.
 * Throws FerryError `bad-samples` or `not-found`.
 */
export async function readBaselineSamples(path: string, specs: readonly TensorSpec[]): Promise<readonly SampleCase[]> {
  const [, extension = ""] = /\.([a-z0-9]+)$/i.exec(path) ?? [];
  switch (extension.toLowerCase()) {
    case "npy":
      return fromNpy(path, specs);
    case "csv":
      return fromCsv(path, specs);
    default:
      return readSampleList(path, specs);
  }
}

async function fromNpy(path: string, specs: readonly TensorSpec[]): Promise<readonly SampleCase[]> {
  const spec = onlyInput(path, specs);
  const file = await readSampleFile(path);
  try {
    const { datatype, shape, bytes } = readNpy(file);
    if (datatype !== spec.datatype) {
      throw badSamples(path, `it holds ${datatype}, input "${spec.name}" takes ${spec.datatype}`, specs);
    }
    const [count = 0, ...inner] = shape;
    const each = bytes.byteLength / Math.max(1, count);
    return Array.from({ length: count }, (_, at) => {
      const tensor = { datatype, shape: inner, bytes: bytes.subarray(at * each, (at + 1) * each) };
      return caseOf(path, spec, specs, at, { name: spec.name, ...tensor });
    });
  } catch (cause) {
    if (cause instanceof ProcessingError) throw badSamples(path, cause.message, specs, cause);
    throw cause;
  }
}

async function fromCsv(path: string, specs: readonly TensorSpec[]): Promise<readonly SampleCase[]> {
  const spec = onlyInput(path, specs);
  const lines = (await readSampleFile(path))
    .toString("utf8")
    .split(/\r?\n/)
    .filter((line) => line.trim() !== "");
  const isHead = lines[0]?.split(",").some((cell) => Number.isNaN(Number(cell))) === true;
  return lines.slice(isHead ? 1 : 0).map((line, at) => {
    const values = line.split(",").map(Number);
    try {
      const { name, datatype } = spec;
      const tensor = tensorFromValues({ name, datatype, shape: [values.length] }, values);
      return caseOf(path, spec, specs, at, tensor);
    } catch (cause) {
      if (!(cause instanceof ProtocolError)) throw cause;
      throw badSamples(path, `sample ${at + 1}: ${cause.message}`, specs, cause);
    }
  });
}

/** One sample in the shape that the model takes: dimensions that vary are 1, but for one that takes what is left. */
function caseOf(
  path: string,
  spec: TensorSpec,
  specs: readonly TensorSpec[],
  at: number,
  { shape, ...tensor }: Tensor,
): SampleCase {
  const wanted = spec.shape.map((dimension) => (dimension === -1 ? 1 : dimension));
  const elements = elementCount(shape);
  if (elementCount(wanted) !== elements) {
    const takes = `[${spec.shape.join(", ")}]`;
    throw badSamples(path, `sample ${at + 1} has ${elements} values, input "${spec.name}" takes ${takes}`, specs);
  }
  return { name: `sample ${at + 1}`, inputs: [{ ...tensor, shape: wanted }] };
}

function onlyInput(path: string, specs: readonly TensorSpec[]): TensorSpec {
  const [spec, another] = specs;
  if (spec !== undefined && another === undefined) return spec;
  const names = specs.map(({ name }) => name).join(", ");
  throw badSamples(path, `the model has the inputs ${names}, and a file of one array is for one`, specs);
}

async function readSampleFile(path: string): Promise<Buffer> {
  try {
    return await readFile(path);
  } catch (cause) {
    if (systemCodeOf(cause) !== "ENOENT") throw cause;
    throw new FerryError("not-found", `There is no file ${path}`, {
      hint: "Give a .npy, .csv, .jsonl or .json file of sample inputs with --from.",
      exitCode: EXIT.notFound,
      cause,
    });
  }
}
