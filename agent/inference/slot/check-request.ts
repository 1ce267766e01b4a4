import type { ModelJson } from "../../../protocol/bundle/model-json.ts";
import { ProtocolError } from "../../../protocol/protocol-error.ts";
import { checkElements } from "../../../protocol/tensor-elements.ts";
import { shapeFits, type Tensor } from "../../../protocol/tensor.ts";
import type { InferRequest } from "../inference-engine.ts";
import { InferenceError } from "../inference-error.ts";

/** Throws `bad-request` where inputs or wanted outputs are not those of the model, naming the first that is wrong. */
export function checkRequest(model: ModelJson, request: Pick<InferRequest, "inputs" | "outputs">): void {
  const problem = inputProblem(model, request.inputs) ?? outputProblem(model, request.outputs ?? []);
  if (problem !== undefined) throw new InferenceError("bad-request", `${model.name} ${model.version}: ${problem}`);
}

function inputProblem(model: ModelJson, inputs: readonly Tensor[]): string | undefined {
  for (const { name } of inputs) {
    if (!model.inputs.some((declared) => declared.name === name)) {
      return `unexpected input "${name}"; its inputs are ${namesOf(model.inputs)}`;
    }
  }
  for (const { name, datatype, shape } of model.inputs) {
    const [input, twin] = inputs.filter((tensor) => tensor.name === name);
    if (input === undefined) return `input "${name}" is missing (${datatype} [${shape.join(", ")}])`;
    if (twin !== undefined) return `input "${name}" is given twice`;
    if (input.datatype !== datatype) return `input "${name}" has datatype ${input.datatype}, expected ${datatype}`;
    if (!shapeFits(input.shape, shape)) {
      return `input "${name}" has shape [${input.shape.join(", ")}], expected [${shape.join(", ")}]`;
    }
    const problem = bytesProblem(input);
    if (problem !== undefined) return problem;
  }
  return undefined;
}

function bytesProblem(input: Tensor): string | undefined {
  try {
    checkElements(input);
    return undefined;
  } catch (error) {
    if (error instanceof ProtocolError) return error.message;
    throw error;
  }
}

function outputProblem(model: ModelJson, outputs: readonly string[]): string | undefined {
  const unknown = outputs.find((name) => !model.outputs.some((declared) => declared.name === name));
  return unknown === undefined ? undefined : `no output "${unknown}"; its outputs are ${namesOf(model.outputs)}`;
}

function namesOf(specs: readonly { readonly name: string }[]): string {
  return specs.map(({ name }) => `"${name}"`).join(", ");
}
