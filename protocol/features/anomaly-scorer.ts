/** How unusual the inputs of one example are, by the detectors of the bundle's baseline. Pure. */
import type { Detectors } from "../bundle/baseline.ts";
import type { FeatureValue } from "./read-features.ts";

/** The names under which scores travel: features of role `score`. */
export const ROBUST_Z = "robust-z";
export const MAHALANOBIS = "mahalanobis";
/** Of examples beyond a threshold: which feature was farthest from its median. */
export const FARTHEST_FEATURE = "farthest-feature";

/** What is no number, or is farther away than single precision tells, scores this. */
export const SCORE_MAX = 1e6;

export interface AnomalyScores {
  /** The greatest |value − median| / scale over the features (Iglewicz, Hoaglin 1993, without its constant). */
  readonly robustZ: number;
  /** √((x − μ)ᵀ Σ⁻¹ (x − μ)); undefined where the detectors have no covariance. */
  readonly mahalanobis: number | undefined;
  readonly isBeyondRobustZ: boolean;
  readonly isBeyondMahalanobis: boolean;
  readonly farthest: string;
}

/** Told the features of one example, it gives its scores, and begins with the next one. Costs n²/2 multiplications. */
export class AnomalyScorer {
  readonly #detectors: Detectors;
  readonly #at: ReadonlyMap<string, number>;
  readonly #z: Float64Array;
  readonly #factor: Float64Array;

  constructor(detectors: Detectors) {
    this.#detectors = detectors;
    this.#at = new Map(detectors.features.map(({ name }, at) => [name, at]));
    this.#z = new Float64Array(detectors.features.length).fill(NaN);
    this.#factor = Float64Array.from(detectors.mahalanobis?.factor ?? []);
  }

  tell(feature: string, value: FeatureValue): void {
    const at = this.#at.get(feature);
    const detector = at === undefined ? undefined : this.#detectors.features[at];
    if (at === undefined || detector === undefined || typeof value !== "number") return;
    this.#z[at] = (value - detector.centre) / detector.scale;
  }

  /** A feature that was not told, or is no number, is as unusual as can be: all samples had one. */
  take(): AnomalyScores {
    const { features, robustZ, mahalanobis } = this.#detectors;
    let [most, farthest] = [-1, 0];
    for (const [at, z] of this.#z.entries()) {
      const distance = Number.isNaN(z) ? SCORE_MAX : Math.min(SCORE_MAX, Math.abs(z));
      if (distance > most) [most, farthest] = [distance, at];
    }
    const distance =
      mahalanobis === undefined ? undefined : most >= SCORE_MAX ? SCORE_MAX : this.#length(mahalanobis.offset);
    this.#z.fill(NaN);
    return {
      robustZ: most,
      mahalanobis: distance,
      isBeyondRobustZ: most > robustZ.threshold,
      isBeyondMahalanobis: distance !== undefined && mahalanobis !== undefined && distance > mahalanobis.threshold,
      farthest: features[farthest]?.name ?? "",
    };
  }

  /** |W z − o| */
  #length(offset: readonly number[]): number {
    const [z, factor] = [this.#z, this.#factor];
    let [squares, next] = [0, 0];
    for (let row = 0; row < z.length; row += 1) {
      let sum = -(offset[row] ?? 0);
      for (let column = 0; column <= row; column += 1) sum += (factor[next++] ?? 0) * (z[column] ?? 0);
      squares += sum * sum;
    }
    return Math.min(SCORE_MAX, Math.sqrt(squares));
  }
}
