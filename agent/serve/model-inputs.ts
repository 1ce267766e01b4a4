/** A model's inputs from JSON values as people write them: shapes and datatypes are the model's own to tell. */
import { shapeOfNested, tensorFromValues } from "../../protocol/tensor-values.ts";
import { elementsIn } from "../../protocol/tensor-elements.ts";
import type { Tensor, TensorSpec } from "../../protocol/tensor.ts";
import { HttpError } from "./http-answer.ts";
import type { NpyArray } from "../../common/processing/decode/read-npy.ts";

/** `{name: values}`. Throws HttpError 400 or a ProtocolError that names the input. */
export function inputsByName(specs: readonly TensorSpec[], values: Readonly<Record<string, unknown>>): Tensor[] {
  const byName = new Map(specs.map((spec) => [spec.name, spec]));
  return Object.entries(values).map(([name, value]) => {
    const spec = byName.get(name);
    if (spec === undefined) {
      throw new HttpError(400, `There is no input "${name}"; the model's inputs are ${inputNames(specs)}`);
    }
    return inputOf(spec, value);
  });
}

/** Throws HttpError 400 where the model has several. */
export function onlyInput(specs: readonly TensorSpec[]): TensorSpec {
  const [spec, ...others] = specs;
  if (spec !== undefined && others.length === 0) return spec;
  throw new HttpError(400, `This model has the inputs ${inputNames(specs)}: send {"inputs": {"name": values, …}}`);
}

/** One example for a model that takes batches may come without the batch around it. */
export function inputOf({ name, datatype, shape: declared }: TensorSpec, values: unknown): Tensor {
  const nested = shapeOfNested(values);
  const isOneOfBatch = nested.length === declared.length - 1 && (declared[0] === -1 || declared[0] === 1);
  return tensorFromValues(
    { name, datatype, shape: isOneOfBatch ? [1, ...nested] : nested },
    isOneOfBatch ? [values] : values,
  );
}

/** NumPy's numbers are float64 unless one asks for others: they are taken for any datatype that can hold them. */
export function inputFromNpy(spec: TensorSpec, array: NpyArray): Tensor {
  const { name, datatype, shape: declared } = spec;
  const isOneOfBatch = array.shape.length === declared.length - 1 && (declared[0] === -1 || declared[0] === 1);
  const shape = isOneOfBatch ? [1, ...array.shape] : array.shape;
  const tensor = { name, datatype: array.datatype, shape, bytes: array.bytes };
  if (array.datatype === datatype) return tensor;
  return tensorFromValues({ name, datatype, shape }, Array.from(elementsIn(tensor), Number));
}

function inputNames(specs: readonly TensorSpec[]): string {
  return specs.map(({ name }) => `"${name}"`).join(", ");
}
