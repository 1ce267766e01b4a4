import { EXIT, FerryError } from "../../../common/ferry-error.ts";
import type { Serving } from "../../../protocol/bundle/serving.ts";
import type { Datatype, TensorSpec } from "../../../protocol/tensor.ts";
import type { SampleCase } from "../sample-inputs.ts";

/** A model as another tool keeps it, read but not held against its ONNX file yet. */
export interface ForeignModel {
  /** What to call it where nobody says: not checked against what a name may be. */
  readonly name: string;
  readonly version: string;
  /** Ascends with the versions; derived from the version where it is absent. */
  readonly release?: number;
  readonly description?: string;
  /** Path of the ONNX file. */
  readonly onnx: string;
  /** Path of the text file with one label a line. */
  readonly labels?: string;
  /** Execution providers by onnxruntime-node's names, in their order. */
  readonly providers?: readonly string[];
  /** Batching is taken only where the ONNX file has rows. */
  readonly serving?: Serving;
  readonly inputs: readonly DeclaredTensor[];
  readonly outputs: readonly DeclaredTensor[];
  /** Inputs that came with the model, for the golden set; undefined where there are none. */
  readonly samples: (inputs: readonly TensorSpec[], notes: Notes) => Promise<readonly SampleCase[] | undefined>;
}

/** What the other tool says of an input or output; what it does not say is absent. */
export interface DeclaredTensor {
  readonly name?: string;
  readonly datatype?: Datatype;
  /** As the ONNX file should have it, -1 for what may vary. */
  readonly shape?: readonly number[];
}

/** What a person is told of an import, in sentences. */
export interface Notes {
  /** What was chosen because nothing said it. */
  readonly chosen: string[];
  /** What the other tool had, and a bundle does not. */
  readonly left: string[];
}

/** What was given is not what the other tool writes. */
export function badSource(message: string, hint: string, cause?: unknown): FerryError {
  return new FerryError("import-source", message, { hint, exitCode: EXIT.usage, cause });
}

/** What was given says one thing and its ONNX file another. */
export function contradiction(message: string, hint: string): FerryError {
  return new FerryError("import-differs", message, { hint, exitCode: EXIT.conflict });
}
