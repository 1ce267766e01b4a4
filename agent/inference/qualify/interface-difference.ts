import type { ModelJson } from "../../../protocol/bundle/model-json.ts";
import type { LoadedModel } from "../runner/runner-messages.ts";

type Spec = LoadedModel["inputs"][number];

/**
 * Where `model.json` and the ONNX file disagree, in a sentence; undefined where they do not. The description may be
 * narrower (a fixed size where the file leaves it open), and may leave out outputs, but never inputs.
 */
export function interfaceDifference(model: ModelJson, loaded: LoadedModel): string | undefined {
  return (
    difference("input", model.inputs, loaded.inputs) ??
    difference("output", model.outputs, loaded.outputs) ??
    undeclaredInput(model.inputs, loaded.inputs)
  );
}

function difference(role: string, declared: readonly Spec[], real: readonly Spec[]): string | undefined {
  for (const spec of declared) {
    const other = real.find(({ name }) => name === spec.name);
    if (other === undefined) {
      const names = real.map(({ name }) => `"${name}"`).join(", ");
      return `model.json declares the ${role} "${spec.name}", which the ONNX file does not have; it has ${names}`;
    }
    const isSame = other.datatype === spec.datatype && isNarrower(spec.shape, other.shape);
    if (!isSame)
      return `model.json declares the ${role} "${spec.name}" as ${shown(spec)}, the ONNX file as ${shown(other)}`;
  }
  return undefined;
}

function undeclaredInput(declared: readonly Spec[], real: readonly Spec[]): string | undefined {
  const missing = real.find(({ name }) => !declared.some((spec) => spec.name === name));
  return (
    missing && `the ONNX file needs the input "${missing.name}" (${shown(missing)}), which model.json does not declare`
  );
}

function isNarrower(declared: readonly number[], real: readonly number[]): boolean {
  return declared.length === real.length && real.every((size, at) => size === -1 || size === declared[at]);
}

function shown({ datatype, shape }: Spec): string {
  return `${datatype} [${shape.join(", ")}]`;
}
