/** From a model's outputs to what they mean, as `model.json` says. Pure: the same outputs give the same results everywhere. */
import type { ParameterValues } from "../../../protocol/bundle/parameters.ts";
import type { Postprocessing, ResultProcessing } from "../../../protocol/bundle/postprocessing.ts";
import type { PredictionResults } from "../../../protocol/prediction-results.ts";
import type { Tensor } from "../../../protocol/tensor.ts";
import { unreachable } from "../../../protocol/unreachable.ts";
import type { Placement } from "../frame-picture.ts";
import { bestClasses } from "./best-classes.ts";
import { findRegions } from "./find-regions.ts";
import { findSegments } from "./find-segments.ts";
import { readBoxes } from "./read-boxes.ts";
import { readText } from "./read-text.ts";

export interface Interpretation {
  readonly postprocessing: Postprocessing;
  readonly labels: readonly string[];
  /** Every parameter that the model has. */
  readonly parameters: ParameterValues;
  /** The outputs of each inference: of a sound in frames one each, else one. */
  readonly frames: readonly (readonly Tensor[])[];
  readonly placement?: Placement | undefined;
  readonly stepMs?: number | undefined;
}

/** Throws ProcessingError `bad-output`. */
export function interpretOutputs({ postprocessing, ...given }: Interpretation): PredictionResults {
  return Object.assign({}, ...postprocessing.map((entry) => resultOf(entry, given))) as PredictionResults;
}

function resultOf(entry: ResultProcessing, given: Omit<Interpretation, "postprocessing">): PredictionResults {
  const { frames, labels, parameters, placement, stepMs = 0 } = given;
  const outputs = frames.at(-1) ?? [];
  switch (entry.kind) {
    case "classes":
      return { top: bestClasses(entry, frames, labels, parameters) };
    case "boxes":
      return { boxes: readBoxes(entry, outputs, labels, parameters, placement) };
    case "regions":
      return { boxes: findRegions(entry, outputs, parameters, placement) };
    case "segments":
      return { segments: findSegments(entry, frames, parameters, stepMs) };
    case "text":
      return { text: readText(entry, outputs, labels) };
    default:
      return unreachable(entry);
  }
}

/** Outputs of which the results tell all that a client of pictures wants to know. */
export function interpretedOutputs(postprocessing: Postprocessing = []): ReadonlySet<string> {
  return new Set(
    postprocessing.flatMap((entry) =>
      entry.kind === "boxes" && entry.scores !== undefined ? [entry.output, entry.scores] : [entry.output],
    ),
  );
}
