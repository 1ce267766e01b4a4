import type { TensorSpec } from "../../../protocol/tensor.ts";
import type { DeclaredTensor, Notes } from "./foreign-model.ts";

interface Interface {
  readonly inputs: readonly TensorSpec[];
  readonly outputs: readonly TensorSpec[];
}

interface Declared {
  readonly inputs: readonly DeclaredTensor[];
  readonly outputs: readonly DeclaredTensor[];
}

/**
 * Sentences about where a declaration contradicts the ONNX file; none where it does not. A dimension that only one of
 * both leaves open is no contradiction: it is noted, and the ONNX file decides.
 */
export function interfaceContradictions(declared: Declared, real: Interface, notes: Notes): string[] {
  return [
    ...contradictions("input", declared.inputs, real.inputs, notes),
    ...missing("input", declared.inputs, real.inputs),
    ...contradictions("output", declared.outputs, real.outputs, notes),
    ...unnamedOutputs(declared.outputs, real.outputs, notes),
  ];
}

function contradictions(
  role: "input" | "output",
  declared: readonly DeclaredTensor[],
  real: readonly TensorSpec[],
  notes: Notes,
): string[] {
  return declared.flatMap((tensor, at) => {
    // Without a name the place counts, as it does for the tool that wrote it.
    const spec = tensor.name === undefined ? real[at] : real.find(({ name }) => name === tensor.name);
    const name = tensor.name === undefined ? `number ${at + 1}` : `"${tensor.name}"`;
    if (spec === undefined) return [`${role} ${name} is not in the ONNX file, whose ${role}s are ${names(real)}`];
    return [...datatypeContradiction(role, tensor, spec), ...shapeContradiction(role, tensor, spec, notes)];
  });
}

function datatypeContradiction(role: string, { datatype }: DeclaredTensor, spec: TensorSpec): string[] {
  if (datatype === undefined || datatype === spec.datatype) return [];
  return [`${role} "${spec.name}" is said to be ${datatype}; in the ONNX file it is ${spec.datatype}`];
}

function shapeContradiction(role: string, { shape }: DeclaredTensor, spec: TensorSpec, notes: Notes): string[] {
  if (shape === undefined || String(shape) === String(spec.shape)) return [];
  const [said, is] = [shape, spec.shape].map((dimensions) => `[${dimensions.join(", ")}]`);
  const fits =
    shape.length === spec.shape.length &&
    shape.every((dimension, at) => dimension === -1 || spec.shape[at] === -1 || dimension === spec.shape[at]);
  if (!fits)
    return [`${role} "${spec.name}" is said to have the shape ${String(said)}; in the ONNX file it is ${String(is)}`];
  notes.chosen.push(`${role} "${spec.name}" has the shape ${String(is)} of the ONNX file, not ${String(said)}`);
  return [];
}

/** An input that nobody declares could not be given. A source that declares nothing leaves it to the file. */
function missing(role: string, declared: readonly DeclaredTensor[], real: readonly TensorSpec[]): string[] {
  if (declared.length === 0 || declared.some(({ name }) => name === undefined)) {
    const count = declared.length;
    if (count === 0 || count === real.length) return [];
    return [`${count} ${role}s are declared; the ONNX file has ${real.length}: ${names(real)}`];
  }
  return real
    .filter((spec) => !declared.some(({ name }) => name === spec.name))
    .map((spec) => `${role} "${spec.name}" of the ONNX file is not declared`);
}

/** Serving fewer outputs than a model has is a choice of the other tool; devices serve all, and clients choose. */
function unnamedOutputs(declared: readonly DeclaredTensor[], real: readonly TensorSpec[], notes: Notes): string[] {
  if (declared.length === 0 || declared.some(({ name }) => name === undefined)) return [];
  const more = real.filter((spec) => !declared.some(({ name }) => name === spec.name));
  if (more.length > 0) notes.chosen.push(`devices also answer with ${names(more)}, which the ONNX file has beside`);
  return [];
}

/** As many labels as the last dimension of the first output, where that is fixed. */
export function labelContradictions(file: string, text: string, { outputs }: Pick<Interface, "outputs">): string[] {
  const labels = text.replace(/\n$/, "").split("\n").length;
  const [output] = outputs;
  const classes = output?.shape.at(-1) ?? -1;
  if (classes === -1 || classes === labels) return [];
  return [`${file} has ${labels} labels; output "${String(output?.name)}" has ${classes} classes`];
}

function names(specs: readonly TensorSpec[]): string {
  return specs.map(({ name }) => `"${name}"`).join(", ");
}
