import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { messageOf } from "../../../common/ferry-error.ts";
import { loadGoldenCase, type GoldenTolerances, type LoadedCase } from "../../../common/processing/golden-case.ts";
import { ProcessingError } from "../../../common/processing/processing-error.ts";
import { checkBundlePath } from "../../../protocol/bundle/bundle-path.ts";
import { isMediaCase, parseGoldenSet, type GoldenSet } from "../../../protocol/bundle/golden.ts";
import type { Processor } from "../../processing/processor.ts";
import type { VerifiedBundle } from "../inference-engine.ts";
import { InferenceError } from "../inference-error.ts";
import { Refused } from "../refused.ts";

/** A bundle's golden set; its cases are read one at a time, because their tensors may be large. */
export interface GoldenCases {
  readonly count: number;
  readonly tolerances: GoldenTolerances;
  /** Begins anew after the last. Throws Refused. */
  readonly at: (index: number) => Promise<LoadedCase>;
}

/** Decoding takes longer than most models compute: pictures and sounds are decoded once, up to so many bytes of tensors. */
const PREPARED_BYTES_MAX = 64 * 1024 ** 2;

/**
 * Throws Refused `bundle-malformed` for a golden set that is missing or cannot be understood. Without a processor its
 * pictures and sounds are refused.
 */
export async function openGoldenCases(
  { directory, model }: VerifiedBundle,
  processor?: Pick<Processor, "prepare">,
): Promise<GoldenCases> {
  const read = (file: string) => {
    checkBundlePath(file);
    return readFile(join(directory, file));
  };
  const { golden: file } = model;
  if (file === undefined) throw new Refused("bundle-malformed", `${model.name} has no golden set`);
  const { cases, ...tolerances } = await orRefuse(file, async () => parseGoldenSet(await read(file)));
  const prepare: Processor["prepare"] = async (media, preparing) => {
    if (processor !== undefined) return processor.prepare(media, preparing);
    throw new InferenceError("unavailable", "pictures and sounds are not decoded for this");
  };
  const kept = new Map<GoldenSet["cases"][number], LoadedCase>();
  let keptBytes = 0;
  return {
    count: cases.length,
    tolerances,
    at: async (index) => {
      const golden = cases[index % cases.length];
      if (golden === undefined) throw new Refused("bundle-malformed", `${file} has no cases`);
      const known = kept.get(golden);
      if (known !== undefined) return known;
      const loaded = await orRefuse(`${file}, case "${golden.name}"`, () =>
        loadGoldenCase(golden, model, { read, prepare }),
      );
      const frames = loaded.media?.prepared.frames ?? [];
      const bytes = frames.reduce((sum, frame) => sum + frame.bytes.byteLength, 0);
      if (isMediaCase(golden) && keptBytes + bytes <= PREPARED_BYTES_MAX) {
        kept.set(golden, loaded);
        keptBytes += bytes;
      }
      return loaded;
    },
  };
}

async function orRefuse<T>(what: string, read: () => Promise<T>): Promise<T> {
  try {
    return await read();
  } catch (error) {
    if (error instanceof Refused) throw error;
    // The file is the publisher's, and verified: what cannot be decoded here is a golden case that does not pass.
    const isMedia = error instanceof ProcessingError || error instanceof InferenceError;
    throw new Refused(isMedia ? "self-test" : "bundle-malformed", `${what}: ${messageOf(error)}`);
  }
}
