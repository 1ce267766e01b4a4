import { CHUNK_BYTES } from "../../protocol/limits.ts";

/** What may be saved up while nothing is sent. */
const BURST_MS = 250;

/** Frames that the configured rate allows; every frame counts as a whole one. */
export class SendBudget {
  readonly #framesPerMs: number;
  #frames = 1;
  #filledAtMs = -Infinity;

  /** Undefined: without limit. */
  constructor(bytesPerSecond: number | undefined) {
    this.#framesPerMs = bytesPerSecond === undefined ? Infinity : bytesPerSecond / CHUNK_BYTES / 1_000;
  }

  framesFree(nowMs: number): number {
    if (this.#framesPerMs === Infinity) return Infinity;
    const elapsedMs = Math.min(BURST_MS, nowMs - this.#filledAtMs);
    this.#filledAtMs = nowMs;
    this.#frames = Math.min(Math.max(1, BURST_MS * this.#framesPerMs), this.#frames + elapsedMs * this.#framesPerMs);
    return Math.floor(this.#frames);
  }

  take(): void {
    this.#frames -= 1;
  }
}
