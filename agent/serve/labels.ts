import { open } from "node:fs/promises";
import { join } from "node:path";
import type { StatementDigest } from "../../protocol/ids.ts";
import type { InferenceEngine, VerifiedBundle } from "../inference/inference-engine.ts";

/** A label file that is read: 30,000 classes of 30 letters. */
const LABELS_BYTES_MAX = 1_048_576;

/** The labels of the bundles that serve, each read once. */
export class Labels {
  readonly #byBundle = new Map<StatementDigest, Promise<readonly string[]>>();

  /** Empty where the bundle that answered has none, or has just been replaced. */
  of(engine: Pick<InferenceEngine, "slots">, statement: StatementDigest): Promise<readonly string[]> {
    const served = engine
      .slots()
      .flatMap(({ bundle, trial }) => (trial === undefined ? [bundle] : [bundle, trial.bundle]));
    for (const held of this.#byBundle.keys()) {
      if (!served.some((bundle) => bundle.statement === held)) this.#byBundle.delete(held);
    }
    const known = this.#byBundle.get(statement);
    if (known !== undefined) return known;
    const bundle = served.find((candidate) => candidate.statement === statement);
    if (bundle === undefined) return Promise.resolve([]);
    const labels = readLabels(bundle);
    this.#byBundle.set(statement, labels);
    return labels;
  }
}

async function readLabels({ directory, model }: VerifiedBundle): Promise<readonly string[]> {
  if (model.labels === undefined) return [];
  await using file = await open(join(directory, model.labels)).catch(() => undefined);
  if (file === undefined) return [];
  const { buffer, bytesRead } = await file.read(Buffer.alloc(LABELS_BYTES_MAX));
  return buffer.subarray(0, bytesRead).toString().trimEnd().split(/\r?\n/);
}
