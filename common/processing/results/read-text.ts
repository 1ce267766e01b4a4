import type { TextResult } from "../../../protocol/bundle/postprocessing.ts";
import type { Tensor } from "../../../protocol/tensor.ts";
import { ProcessingError } from "../processing-error.ts";
import { numbersIn, outputNamed } from "./scores.ts";

/** Connectionist temporal classification, greedily: the best character of each place, repetitions once, blanks not at all. */
export function readText(
  { output: name, blank, hasSpace = false }: TextResult,
  outputs: readonly Tensor[],
  labels: readonly string[],
): string {
  const output = outputNamed(outputs, name);
  const [places, characters] = output.shape.slice(-2);
  if (
    places === undefined ||
    characters === undefined ||
    output.shape.slice(0, -2).some((dimension) => dimension !== 1)
  ) {
    throw new ProcessingError(
      "bad-output",
      `The output "${name}" [${output.shape.join(", ")}] is no row of characters`,
    );
  }
  const all = hasSpace ? [...labels, " "] : labels;
  if (all.length + 1 < characters) {
    throw new ProcessingError(
      "bad-output",
      `The output "${name}" tells ${characters} characters apart, the labels are ${all.length}`,
    );
  }
  const scores = numbersIn(output);
  let text = "";
  let before = blank;
  for (let place = 0; place < places; place += 1) {
    const best = bestOf(scores.subarray(place * characters, (place + 1) * characters));
    if (best !== before && best !== blank) text += all[best > blank ? best - 1 : best] ?? "";
    before = best;
  }
  return text;
}

function bestOf(scores: Float64Array): number {
  let best = 0;
  for (let index = 1; index < scores.length; index += 1) if ((scores[index] ?? 0) > (scores[best] ?? 0)) best = index;
  return best;
}
