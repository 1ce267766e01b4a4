import { open } from "node:fs/promises";
import { join } from "node:path";
import { BASELINE_JSON_BYTES_MAX, parseBaseline, type Baseline } from "../../protocol/bundle/baseline.ts";
import type { VerifiedBundle } from "../inference/inference-engine.ts";

/** Undefined where the bundle has none. Throws what reading throws, or ProtocolError. */
export async function readBaseline({ directory, model }: VerifiedBundle): Promise<Baseline | undefined> {
  if (model.baseline === undefined) return undefined;
  await using file = await open(join(directory, model.baseline));
  const { size } = await file.stat();
  const bytes = Buffer.alloc(Math.min(size, BASELINE_JSON_BYTES_MAX + 1));
  const { bytesRead } = await file.read(bytes);
  return parseBaseline(bytes.subarray(0, bytesRead));
}
