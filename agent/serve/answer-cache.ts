/** Answers that are kept, so that a request that MQTT delivers twice (QoS 1) is answered again but computed once. */

export const ANSWERS_MAX = 1_000;
/** Longer than a broker or a link takes to deliver a duplicate. */
export const ANSWER_MS_MAX = 60_000;
/** Of all kept answers: boards have 1 GB for everything. */
const ANSWERS_BYTES_MAX = 32 * 1024 ** 2;

/** Publishes of one answer, in order. */
export type Answer = readonly Uint8Array[];

interface Kept {
  readonly atMs: number;
  /** Undefined while it is being computed. */
  readonly answer: Answer | undefined;
  readonly bytes: number;
}

export class AnswerCache {
  readonly #kept = new Map<string, Kept>();
  #bytes = 0;

  /** `pending`: the same request is being computed, and its answer will be sent. */
  get(key: string, nowMs: number): Answer | "pending" | undefined {
    const kept = this.#kept.get(key);
    if (kept === undefined || nowMs - kept.atMs > ANSWER_MS_MAX) return undefined;
    return kept.answer ?? "pending";
  }

  begin(key: string, nowMs: number): void {
    this.#put(key, { atMs: nowMs, answer: undefined, bytes: 0 });
  }

  /** The oldest make room. */
  put(key: string, answer: Answer, nowMs: number): void {
    const bytes = answer.reduce((sum, { byteLength }) => sum + byteLength, 0);
    this.#put(key, { atMs: nowMs, answer, bytes });
  }

  /** The caller may ask again under the same id. */
  forget(key: string): void {
    this.#bytes -= this.#kept.get(key)?.bytes ?? 0;
    this.#kept.delete(key);
  }

  #put(key: string, kept: Kept): void {
    this.forget(key);
    this.#kept.set(key, kept);
    this.#bytes += kept.bytes;
    for (const oldest of this.#kept.keys()) {
      if (this.#kept.size <= ANSWERS_MAX && this.#bytes <= ANSWERS_BYTES_MAX) return;
      this.forget(oldest);
    }
  }
}
