import type { GoldenSet, GoldenTensor, TensorCase } from "../../protocol/bundle/golden.ts";
import { FerryError } from "../../common/ferry-error.ts";
import type { OnnxSession } from "../../common/onnx-session.ts";
import { ProtocolError } from "../../protocol/protocol-error.ts";
import { elementsIn } from "../../protocol/tensor-elements.ts";
import { valuesFromTensor, type TensorValue } from "../../protocol/tensor-values.ts";
import { elementCount, type Tensor } from "../../protocol/tensor.ts";
import type { SampleCase } from "./sample-inputs.ts";

/**
 * How far a device's answer may lie from the one computed here. Processors add the terms of a sum in different orders
 * and accelerators round to half precision, whose unit is 1e-3: what is nearer is the same answer.
 */
const DEFAULT_TOLERANCE: GoldenSet["tolerance"] = { absolute: 1e-3, relative: 1e-2 };

/** Elements beyond which a tensor gets a file of its own: `golden.json` stays something that a person can read. */
const INLINE_ELEMENTS_MAX = 1_024;

/** Where the files of large tensors lie, and copies of pictures and sounds. */
export const GOLDEN_FOLDER = "golden";

interface WrittenGolden {
  readonly golden: GoldenSet & { readonly cases: readonly TensorCase[] };
  /** By path in the bundle: little-endian bytes of the tensors that do not stand in the JSON. */
  readonly files: ReadonlyMap<string, Uint8Array>;
}

/** Runs the model over the samples and keeps what it answers. Throws FerryError `golden-not-finite` or `onnx-run`. */
export async function writeGolden(session: OnnxSession, samples: readonly SampleCase[]): Promise<WrittenGolden> {
  const files = new Map<string, Uint8Array>();
  const cases: TensorCase[] = [];
  for (const [at, { name, inputs }] of samples.entries()) {
    const outputs = await session.run(inputs);
    for (const output of outputs) checkFinite(name, output);
    const tensorsOf = (role: "in" | "out", tensors: readonly Tensor[]) =>
      tensors.map((tensor, index) =>
        goldenTensor(tensor, `${GOLDEN_FOLDER}/${at + 1}-${role}-${index + 1}.bin`, files),
      );
    cases.push({ name, inputs: tensorsOf("in", inputs), outputs: tensorsOf("out", outputs) });
  }
  return { golden: { formatVersion: 1, tolerance: DEFAULT_TOLERANCE, cases }, files };
}

/** With its values, or naming `file`, whose bytes it puts into `files`. */
export function goldenTensor(tensor: Tensor, file: string, files: Map<string, Uint8Array>): GoldenTensor {
  const { name, datatype, shape, bytes } = tensor;
  const values = elementCount(shape) > INLINE_ELEMENTS_MAX ? undefined : jsonValues(tensor);
  if (values !== undefined) return { name, datatype, shape: [...shape], values };
  files.set(file, bytes);
  return { name, datatype, shape: [...shape], file };
}

/** Undefined for what JSON cannot carry: half precision, integers beyond 2^53. */
function jsonValues(tensor: Tensor): TensorValue[] | undefined {
  try {
    const values = valuesFromTensor(tensor);
    return tensor.datatype === "FP32" ? values.map((value) => shortestFloat32(value)) : values;
  } catch (thrown) {
    if (thrown instanceof ProtocolError) return undefined;
    throw thrown;
  }
}

/** The fewest digits that still are the same float32: 0.1 instead of 0.10000000149011612. */
function shortestFloat32(value: TensorValue): TensorValue {
  if (typeof value !== "number") return value;
  for (let digits = 6; digits <= 9; digits += 1) {
    const short = Number(value.toPrecision(digits));
    if (Math.fround(short) === value) return short;
  }
  return value;
}

function checkFinite(caseName: string, tensor: Tensor): void {
  const elements = elementsIn(tensor);
  for (let at = 0; at < elements.length; at += 1) {
    const element = elements[at];
    if (typeof element !== "number" || Number.isFinite(element)) continue;
    throw new FerryError(
      "golden-not-finite",
      `The model answers ${caseName} with ${element} in element ${at} of output "${tensor.name}": that proves nothing`,
      { hint: "Give sample inputs that the model is made for with --samples." },
    );
  }
}
