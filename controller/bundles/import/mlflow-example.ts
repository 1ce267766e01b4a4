import { readFile, stat } from "node:fs/promises";
import { basename } from "node:path";
import { Type, type Static } from "typebox";
import { messageOf, systemCodeOf } from "../../../common/ferry-error.ts";
import { ProtocolError } from "../../../protocol/protocol-error.ts";
import { gate } from "../../../protocol/schema.ts";
import { shapeOfNested, tensorFromValues } from "../../../protocol/tensor-values.ts";
import { shapeFits, type Tensor, type TensorSpec } from "../../../protocol/tensor.ts";
import type { SampleCase } from "../sample-inputs.ts";
import type { Notes } from "./foreign-model.ts";

/** Examples of images go to some megabytes in JSON. */
const EXAMPLE_BYTES_MAX = 256 * 1024 ** 2;

/** As `_save_example` writes them: a table with or without names of its columns, or arrays in TF Serving's form. */
const Example = Type.Union([
  Type.Object({
    columns: Type.Optional(Type.Array(Type.Union([Type.String(), Type.Integer()]))),
    data: Type.Array(Type.Array(Type.Unknown()), { minItems: 1 }),
  }),
  Type.Object({
    inputs: Type.Union([Type.Array(Type.Unknown(), { minItems: 1 }), Type.Record(Type.String(), Type.Unknown())]),
  }),
]);
type Example = Static<typeof Example>;

const check = gate("input example", Example);

/** The golden case that MLflow's input example makes; where it makes none, why is noted. */
export async function readInputExample(
  path: string,
  specs: readonly TensorSpec[],
  notes: Notes,
): Promise<readonly SampleCase[] | undefined> {
  try {
    if ((await stat(path)).size > EXAMPLE_BYTES_MAX)
      throw new RangeError(`it has more than ${EXAMPLE_BYTES_MAX} bytes`);
    const example = check(JSON.parse(await readFile(path, "utf8")));
    return [{ name: "MLflow's input example", inputs: specs.map((spec) => tensorOf(example, spec, specs.length)) }];
  } catch (cause) {
    const isForeign = cause instanceof ProtocolError || cause instanceof SyntaxError || cause instanceof RangeError;
    if (!isForeign && systemCodeOf(cause) !== "ENOENT") throw cause;
    notes.left.push(`the input example ${basename(path)}: ${messageOf(cause)}`);
    return undefined;
  }
}

function tensorOf(example: Example, spec: TensorSpec, count: number): Tensor {
  const values = valuesFor(example, spec, count);
  const shape = shapeFor(shapeOfNested(values), spec);
  const tensor = tensorFromValues({ name: spec.name, datatype: spec.datatype, shape }, values);
  if (shapeFits(shape, spec.shape)) return tensor;
  throw new ProtocolError(
    "SCHEMA",
    "input example",
    `for input "${spec.name}" it has the shape [${shape.join(", ")}], the model takes [${spec.shape.join(", ")}]`,
  );
}

/** MLflow gives a model of one input the whole array or table, and one of several the part with each name. */
function valuesFor(example: Example, { name }: TensorSpec, count: number): unknown {
  if ("data" in example) {
    if (count === 1) return example.data;
    const at = (example.columns ?? []).findIndex((column) => String(column) === name);
    if (at !== -1) return example.data.map((row) => row[at]);
  } else if (Array.isArray(example.inputs)) {
    if (count === 1) return example.inputs;
  } else if (Object.hasOwn(example.inputs, name)) {
    return example.inputs[name];
  }
  throw new ProtocolError("SCHEMA", "input example", `it has nothing for input "${name}"`);
}

/** A column for an input of one column: skl2onnx declares [rows, 1] where a table has [rows]. */
function shapeFor(shape: readonly number[], spec: TensorSpec): readonly number[] {
  const isColumn = shape.length === 1 && spec.shape.length === 2 && spec.shape[1] === 1;
  return isColumn ? [...shape, 1] : shape;
}
