/** A case of the golden set with all that it names read, and what an answer to it differs in: the same on every machine. */
import { goldenDifference, tensorOfGolden } from "../../protocol/bundle/golden-compare.ts";
import { resultsDifference } from "../../protocol/bundle/golden-results.ts";
import {
  goldenFiles,
  isMediaCase,
  type ExpectedResults,
  type GoldenCase,
  type GoldenSet,
} from "../../protocol/bundle/golden.ts";
import type { ModelJson } from "../../protocol/bundle/model-json.ts";
import type { PredictionResults } from "../../protocol/prediction-results.ts";
import type { Tensor } from "../../protocol/tensor.ts";
import { mediaOf } from "./media-of.ts";
import { steadyInputs, type Media, type PreparedMedia, type PreparingModel } from "./prepare-media.ts";
import { ProcessingError } from "./processing-error.ts";

export interface LoadedCase {
  readonly name: string;
  /** Of a picture or a sound: those of the first inference over it. */
  readonly inputs: readonly Tensor[];
  /** Expected; of a picture or a sound often none, because its meaning is. */
  readonly outputs: readonly Tensor[];
  readonly media?: LoadedMedia;
}

interface LoadedMedia {
  readonly prepared: PreparedMedia;
  readonly results: ExpectedResults;
}

interface LoadingPorts {
  /** A file of the bundle, by its path in it. */
  readonly read: (file: string) => Promise<Uint8Array>;
  readonly prepare: (media: Media, model: PreparingModel) => Promise<PreparedMedia>;
}

/** Throws ProtocolError or ProcessingError for what cannot be understood, and what the ports throw. */
export async function loadGoldenCase(
  golden: GoldenCase,
  model: Pick<ModelJson, "inputs" | "preprocessing">,
  { read, prepare }: LoadingPorts,
): Promise<LoadedCase> {
  const files = new Map<string, Uint8Array>();
  for (const file of goldenFiles(golden)) files.set(file, await read(file));
  const bytesOf = (file: string) => files.get(file) ?? new Uint8Array();
  const { name, outputs = [] } = golden;
  const expected = outputs.map((tensor) => tensorOfGolden(tensor, bytesOf));
  if (!isMediaCase(golden)) {
    return { name, inputs: golden.inputs.map((tensor) => tensorOfGolden(tensor, bytesOf)), outputs: expected };
  }
  const media = mediaOf(bytesOf(golden.media), model);
  if (media === undefined) {
    const readable = "a JPEG, PNG or WAV file, or an .npy file of levels that the model's preprocessing takes";
    throw new ProcessingError("bad-media", `${golden.media} is not ${readable}`);
  }
  const prepared = await prepare(media, model);
  const { results = {} } = golden;
  const inputs = [...prepared.frames.slice(0, 1), ...steadyInputs(model)];
  return { name, inputs, outputs: expected, media: { prepared, results } };
}

export type GoldenTolerances = Pick<GoldenSet, "tolerance" | "resultTolerance">;

/** The first difference as a sentence; undefined where the case passes. `outputs`: those of the last inference. */
export function caseDifference(
  { name, outputs: expected, media }: LoadedCase,
  { outputs, results }: { readonly outputs: readonly Tensor[]; readonly results: PredictionResults },
  { tolerance, resultTolerance }: GoldenTolerances,
): string | undefined {
  return (
    goldenDifference(name, expected, outputs, tolerance) ??
    (media && resultsDifference(name, media.results, results, resultTolerance))
  );
}
