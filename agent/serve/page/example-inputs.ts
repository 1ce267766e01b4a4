import { openGoldenCases } from "../../inference/qualify/golden-cases.ts";
import type { VerifiedBundle } from "../../inference/inference-engine.ts";
import { nestValues, valuesFromTensor, type NestedValues } from "../../../protocol/tensor-values.ts";
import { elementCount, type Datatype, type Tensor } from "../../../protocol/tensor.ts";

/** One input of a request that the model answers. */
export interface ExampleInput {
  readonly name: string;
  readonly datatype: Datatype;
  readonly shape: readonly number[];
  /** Absent where they are too many to be read by a person, or JSON does not carry them. */
  readonly values?: NestedValues;
}

/** Of all inputs together: what fits a form and a terminal. */
const SHOWN_VALUES_MAX = 1_024;

/** The first case of the golden set: real shapes, also where the model leaves them open, and an answer that means something. */
export class ExampleInputs {
  readonly #byBundle = new WeakMap<VerifiedBundle, Promise<readonly ExampleInput[]>>();

  of(bundle: VerifiedBundle): Promise<readonly ExampleInput[]> {
    const known = this.#byBundle.get(bundle);
    if (known !== undefined) return known;
    const inputs = readExample(bundle);
    this.#byBundle.set(bundle, inputs);
    return inputs;
  }
}

async function readExample(bundle: VerifiedBundle): Promise<readonly ExampleInput[]> {
  const first = await openGoldenCases(bundle)
    .then((cases) => cases.at(0))
    .catch(() => undefined);
  // A golden set that cannot be read any more is the updater's to tell; the page goes on with what model.json says.
  if (first === undefined) return bundle.model.inputs.map((spec) => ({ ...spec, shape: spec.shape.map(openIsOne) }));
  const total = first.inputs.reduce((sum, { shape }) => sum + elementCount(shape), 0);
  return first.inputs.map((tensor) => described(tensor, total <= SHOWN_VALUES_MAX));
}

function openIsOne(size: number): number {
  return size === -1 ? 1 : size;
}

function described(tensor: Tensor, isShown: boolean): ExampleInput {
  const { name, datatype, shape } = tensor;
  if (!isShown || datatype === "FP16") return { name, datatype, shape };
  try {
    return { name, datatype, shape, values: nestValues(valuesFromTensor(tensor), shape) };
  } catch {
    return { name, datatype, shape };
  }
}
