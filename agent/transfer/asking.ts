import { backoffMs } from "../../common/backoff.ts";

/** Asking again: at first after 2 s or 4 times what an answer takes here, then doubled while nothing comes at all. */
const ASK_AGAIN_MS = 2_000;
const ASK_AGAIN_PER_ANSWER = 4;
const ASK_AGAIN_MS_MAX = 30_000;

/** Which pieces were asked for, and when each may be asked for again. */
export class Asking {
  readonly #againAtMs = new Map<number, number>();
  /** Wants with pieces in them since anything arrived. */
  #unanswered = 0;
  /** From a want to the first frame after it, smoothed; 0 until known. */
  #answerMs = 0;
  #askedAtMs: number | undefined;
  #retries = 0;

  /** Pieces that were asked for again because they had not come. */
  get retries(): number {
    return this.#retries;
  }

  get againAtMs(): ReadonlyMap<number, number> {
    return this.#againAtMs;
  }

  ask(pieces: readonly number[], nowMs: number): void {
    if (pieces.length === 0) return;
    const firstMs = Math.max(ASK_AGAIN_MS, ASK_AGAIN_PER_ANSWER * this.#answerMs);
    const policy = { firstMs, mostMs: Math.max(firstMs, ASK_AGAIN_MS_MAX) };
    const againAtMs = nowMs + backoffMs(policy, this.#unanswered, Math.random);
    for (const piece of pieces) {
      if (this.#againAtMs.has(piece)) this.#retries += 1;
      this.#againAtMs.set(piece, againAtMs);
    }
    this.#unanswered += 1;
    this.#askedAtMs ??= nowMs;
  }

  arrived(piece: number, nowMs: number): void {
    this.#againAtMs.delete(piece);
    this.#unanswered = 0;
    if (this.#askedAtMs === undefined) return;
    const tookMs = nowMs - this.#askedAtMs;
    this.#answerMs = this.#answerMs === 0 ? tookMs : 0.7 * this.#answerMs + 0.3 * tookMs;
    this.#askedAtMs = undefined;
  }

  /** Nothing that was asked for will come: the connection or the lane is another. */
  forget(): void {
    this.#againAtMs.clear();
    this.#unanswered = 0;
    this.#askedAtMs = undefined;
  }
}
