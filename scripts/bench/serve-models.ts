/** The three models of `serve.ts`, as bundles, with one request for each in the words of each server. */
import { join } from "node:path";
import type { VerifiedBundle } from "../../agent/inference/inference-engine.ts";
import type { Tensor } from "../../protocol/tensor.ts";
import { readDigits } from "../../test/support/digits.ts";
import { digitsFolder, floats, writeOcrAngle, writeOcrDetection } from "../../test/support/model-folders.ts";

export const MODEL_SIZES = ["digits", "medium", "large"] as const;
export type ModelSize = (typeof MODEL_SIZES)[number];

export interface BenchModel {
  readonly size: ModelSize;
  readonly bundle: VerifiedBundle;
  readonly inputs: readonly Tensor[];
}

/** The side of the picture in which text is looked for: some 25 ms of work for one processor. */
export const PICTURE_SIDE = 224;

export async function writeBenchModels(folder: string, sizes: readonly ModelSize[]): Promise<BenchModel[]> {
  const models: BenchModel[] = [];
  for (const size of sizes) models.push(await writeModel(join(folder, size), size));
  return models;
}

async function writeModel(folder: string, size: ModelSize): Promise<BenchModel> {
  switch (size) {
    case "digits": {
      const [digit] = readDigits();
      return { size, bundle: digitsFolder("1.0.0"), inputs: [floats("pixels", [1, 64], digit?.pixels ?? [])] };
    }
    case "medium":
      return { size, bundle: await writeOcrAngle(folder), inputs: [picture(48, 192)] };
    case "large": {
      const bundle = await writeOcrDetection(folder, PICTURE_SIDE);
      return { size, bundle, inputs: [picture(PICTURE_SIDE, PICTURE_SIDE)] };
    }
  }
}

/** A ramp with two decimals, as pictures have: JSON of it is no longer than of a real one. */
function picture(height: number, width: number): Tensor {
  return floats(
    "x",
    [1, 3, height, width],
    Array.from({ length: 3 * height * width }, (_, at) => (at % 201) / 100 - 1),
  );
}
