/** Inputs as a person types them: values by name, with datatype and shape from what the model declares. */
import { FerryError, EXIT } from "../../common/ferry-error.ts";
import { tensorFromValues, shapeOfNested } from "../../protocol/tensor-values.ts";
import type { Tensor, TensorSpec } from "../../protocol/tensor.ts";

/** Throws `bad-input` for a name that the model does not declare, ProtocolError for values that do not fit. */
export function tensorsByName(values: Readonly<Record<string, unknown>>, declared: readonly TensorSpec[]): Tensor[] {
  return Object.entries(values).map(([name, value]) => {
    const spec = declared.find((input) => input.name === name);
    if (spec !== undefined)
      return tensorFromValues({ name, datatype: spec.datatype, shape: shapeOfNested(value) }, value);
    throw new FerryError("bad-input", `The model has no input ${JSON.stringify(name)}`, {
      hint: `Its inputs are ${declared.map((input) => input.name).join(", ")}.`,
      exitCode: EXIT.usage,
    });
  });
}
