import type { Detectors } from "../../protocol/bundle/baseline.ts";
import { CategoryCounts } from "../../protocol/category-counts.ts";
import { AnomalyScorer, FARTHEST_FEATURE, MAHALANOBIS, ROBUST_Z } from "../../protocol/features/anomaly-scorer.ts";
import type { FeatureValue } from "../../protocol/features/read-features.ts";
import type { DistributionFields } from "../../protocol/messages/telemetry-distribution.ts";
import { ValueSketch } from "../../protocol/value-sketch.ts";

/** What a record says of one detector, beside which version and time it is about. */
export type ScoreFields = Pick<
  DistributionFields,
  "feature" | "role" | "type" | "count" | "missing" | "valueSketch" | "categories" | "anomalous"
>;

/** The scores of one version's examples since the last records: sketches and counts, never the examples. */
export class ScoreWindow {
  readonly #scorer: AnomalyScorer;
  readonly #hasMahalanobis: boolean;
  #examples = 0;
  #robustZ = new Scores();
  #mahalanobis = new Scores();
  #farthest = new CategoryCounts();

  constructor(detectors: Detectors) {
    this.#scorer = new AnomalyScorer(detectors);
    this.#hasMahalanobis = detectors.mahalanobis !== undefined;
  }

  tell(feature: string, value: FeatureValue): void {
    this.#scorer.tell(feature, value);
  }

  /** All features of one example were told. */
  endExample(): void {
    const { robustZ, mahalanobis, isBeyondRobustZ, isBeyondMahalanobis, farthest } = this.#scorer.take();
    this.#examples += 1;
    this.#robustZ.add(robustZ, isBeyondRobustZ);
    if (mahalanobis !== undefined) this.#mahalanobis.add(mahalanobis, isBeyondMahalanobis);
    if (isBeyondRobustZ || isBeyondMahalanobis) this.#farthest.add(farthest);
  }

  /** What was scored, which is forgotten; nothing where there was no example. */
  take(): readonly ScoreFields[] {
    const count = this.#examples;
    if (count === 0) return [];
    const told = [
      this.#robustZ.toFields(ROBUST_Z, count),
      ...(this.#hasMahalanobis ? [this.#mahalanobis.toFields(MAHALANOBIS, count)] : []),
      ...(this.#farthest.count === 0 ? [] : [farthestFields(this.#farthest)]),
    ];
    this.#examples = 0;
    this.#robustZ = new Scores();
    this.#mahalanobis = new Scores();
    this.#farthest = new CategoryCounts();
    return told;
  }
}

class Scores {
  readonly #sketch = new ValueSketch();
  #anomalous = 0;

  add(score: number, isBeyond: boolean): void {
    this.#sketch.add(score);
    if (isBeyond) this.#anomalous += 1;
  }

  toFields(feature: string, count: number): ScoreFields {
    const valueSketch = this.#sketch.toText();
    return { feature, role: "score", type: "number", count, missing: 0, valueSketch, anomalous: this.#anomalous };
  }
}

function farthestFields(farthest: CategoryCounts): ScoreFields {
  const { count } = farthest;
  return {
    feature: FARTHEST_FEATURE,
    role: "score",
    type: "category",
    count,
    missing: 0,
    categories: farthest.toText(),
  };
}
