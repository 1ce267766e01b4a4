import { open } from "node:fs/promises";
import { join } from "node:path";
import type { ModelJson } from "../../protocol/bundle/model-json.ts";

/** A bundle on disk. */
export interface LabelledBundle {
  readonly directory: string;
  readonly model: Pick<ModelJson, "labels">;
}

/** A label file that is read: 30,000 classes of 30 letters. */
const LABELS_BYTES_MAX = 1_048_576;

/** Of the bundles in use, each read once. */
const known = new WeakMap<LabelledBundle["model"], Promise<readonly string[]>>();

/** Empty where the bundle has none. */
export function readLabels(bundle: LabelledBundle): Promise<readonly string[]> {
  const labels = known.get(bundle.model) ?? labelsIn(bundle);
  known.set(bundle.model, labels);
  return labels;
}

async function labelsIn({ directory, model }: LabelledBundle): Promise<readonly string[]> {
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
