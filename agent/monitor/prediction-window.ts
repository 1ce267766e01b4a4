import type { ModelName, ModelVersion, StatementDigest } from "../../protocol/ids.ts";
import type { Predicted } from "./predicted.ts";

export interface RememberedPrediction {
  readonly slot: ModelName;
  readonly id: string;
  readonly version: ModelVersion;
  readonly statement: StatementDigest;
  readonly predicted: Predicted;
  /** On a clock that never jumps. */
  readonly atMs: number;
}

/** A prediction as the window holds it. */
interface Held {
  readonly prediction: RememberedPrediction;
  readonly bytes: number;
  isJudged: boolean;
}

export type Joined =
  | { readonly kind: "joined"; readonly prediction: RememberedPrediction }
  | { readonly kind: "duplicate" }
  | { readonly kind: "unknown" };

/** A device that predicts once in four seconds has a day of them. */
export const PREDICTIONS_MAX = 20_000;
/** Little beside a model, whatever ids callers choose. */
export const PREDICTIONS_BYTES_MAX = 8 * 1024 ** 2;
/** Truth that takes longer than a day is better joined where all predictions of the fleet are. */
export const PREDICTION_AGE_MS_MAX = 24 * 3_600_000;
/** Objects, numbers and the map around an id and its values, as measured with a heap snapshot, rounded up. */
const BYTES_AROUND = 300;

/** The last predictions that have ids, until their truth comes; the oldest is forgotten first. */
export class PredictionWindow {
  readonly #held = new Map<string, Held>();
  #bytes = 0;

  get size(): number {
    return this.#held.size;
  }

  get bytes(): number {
    return this.#bytes;
  }

  /** The same id again is the same request again: what was judged stays so. */
  remember(prediction: RememberedPrediction): void {
    const { slot, id, predicted } = prediction;
    const key = keyOf(slot, id);
    const isJudged = this.#forget(key)?.isJudged ?? false;
    const values = predicted.kind === "values" ? predicted.values.length : 1;
    const bytes = BYTES_AROUND + 2 * id.length + 8 * values;
    this.#held.set(key, { prediction, bytes, isJudged });
    this.#bytes += bytes;
    this.#bound(prediction.atMs);
  }

  join(slot: ModelName, id: string, nowMs: number): Joined {
    this.#bound(nowMs);
    const held = this.#held.get(keyOf(slot, id));
    if (held === undefined) return { kind: "unknown" };
    return held.isJudged ? { kind: "duplicate" } : { kind: "joined", prediction: held.prediction };
  }

  /** Its truth has been counted. */
  judged(slot: ModelName, id: string): void {
    const held = this.#held.get(keyOf(slot, id));
    if (held !== undefined) held.isJudged = true;
  }

  #bound(nowMs: number): void {
    for (const [key, { prediction }] of this.#held) {
      const isTooMuch = this.#held.size > PREDICTIONS_MAX || this.#bytes > PREDICTIONS_BYTES_MAX;
      if (!isTooMuch && nowMs - prediction.atMs < PREDICTION_AGE_MS_MAX) return;
      this.#forget(key);
    }
  }

  #forget(key: string): Held | undefined {
    const held = this.#held.get(key);
    this.#held.delete(key);
    this.#bytes -= held?.bytes ?? 0;
    return held;
  }
}

function keyOf(slot: ModelName, id: string): string {
  return `${slot} ${id}`;
}
