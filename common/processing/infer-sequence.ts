/** All inferences over one picture or sound, in order, with what a sequence model remembers handed from each to the next. */
import type { ModelJson } from "../../protocol/bundle/model-json.ts";
import type { Tensor } from "../../protocol/tensor.ts";
import { steadyInputs, type PreparedMedia } from "./prepare-media.ts";

/** The outputs of each: of a sound in frames one each, else one. Throws what `infer` throws. */
export async function inferSequence(
  model: Pick<ModelJson, "inputs" | "preprocessing">,
  { frames }: Pick<PreparedMedia, "frames">,
  infer: (inputs: readonly Tensor[]) => Promise<readonly Tensor[]>,
): Promise<(readonly Tensor[])[]> {
  const outputs: (readonly Tensor[])[] = [];
  let beside: readonly Tensor[] = steadyInputs(model);
  for (const frame of frames) {
    const answer = await infer([frame, ...beside]);
    outputs.push(answer);
    beside = handedOn(model, beside, answer);
  }
  return outputs;
}

/** The inputs beside the next frame: states become what the model gave, all others stay. */
export function handedOn(
  { preprocessing = [] }: Pick<ModelJson, "preprocessing">,
  inputs: readonly Tensor[],
  outputs: readonly Tensor[],
): readonly Tensor[] {
  return inputs.map((input) => {
    const state = preprocessing.find((entry) => entry.kind === "state" && entry.input === input.name);
    const given = state?.kind === "state" ? outputs.find(({ name }) => name === state.output) : undefined;
    return given === undefined ? input : { ...given, name: input.name };
  });
}
