import { open } from "node:fs/promises";
import { join } from "node:path";
import type { ModelJson } from "../../protocol/bundle/model-json.ts";
import type { VerifiedBundle } from "./inference-engine.ts";

/** A label file that is read: 30,000 classes of 30 letters. */
const LABELS_BYTES_MAX = 1_048_576;

/** Of the bundles in use, each read once. */
const known = new WeakMap<ModelJson, Promise<readonly string[]>>();

/** Empty where the bundle has none. */
export function readLabels(bundle: VerifiedBundle): Promise<readonly string[]> {
  const labels = known.get(bundle.model) ?? labelsIn(bundle);
  known.set(bundle.model, labels);
  return labels;
}

async function labelsIn({ directory, model }: VerifiedBundle): Promise<readonly string[]> {
  if (model.labels === undefined) return [];
  await using file = await open(join(directory, model.labels)).catch(() => undefined);
  if (file === undefined) return [];
  const { buffer, bytesRead } = await file.read(Buffer.alloc(LABELS_BYTES_MAX));
  // Not `trimEnd`: the last label of an alphabet may be a space.
  return buffer
    .subarray(0, bytesRead)
    .toString()
    .replace(/(\r?\n)+$/, "")
    .split(/\r?\n/);
}
