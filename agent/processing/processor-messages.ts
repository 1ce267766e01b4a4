/** What the agent and its processor say to each other, over the channel that the agent opens when it starts one. */
import type { PredictionResults } from "../../protocol/prediction-results.ts";
import type { Interpretation } from "../../common/processing/results/interpret-outputs.ts";
import type { Media, PreparedMedia, PreparingModel } from "../../common/processing/prepare-media.ts";
import type { ProcessingErrorCode } from "../../common/processing/processing-error.ts";

/** One at a time: whatever ends the process was the one that is under way. */
export type ToProcessor =
  | { readonly kind: "prepare"; readonly media: Media; readonly model: PreparingModel }
  | { readonly kind: "interpret"; readonly interpretation: Interpretation };

export type FromProcessor =
  | { readonly kind: "prepared"; readonly prepared: PreparedMedia }
  | { readonly kind: "interpreted"; readonly results: PredictionResults }
  | { readonly kind: "refused"; readonly why: ProcessingErrorCode; readonly message: string }
  /** A mistake of ours, not of what was sent. */
  | { readonly kind: "failed"; readonly message: string };
