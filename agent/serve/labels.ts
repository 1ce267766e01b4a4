import type { StatementDigest } from "../../protocol/ids.ts";
import { readLabels } from "../inference/bundle-labels.ts";
import type { InferenceEngine } from "../inference/inference-engine.ts";

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
