/**
 * Which pieces a device has asked for, which of them are given up, and how many it may wait for at once. Why it is so, measured
 * on narrow links: decision 0027.
 */
import { backoffMs } from "../../common/backoff.ts";

/** Everything that is awaited is given up where nothing has come for 2 s, or 4 times what an answer takes here; then doubled. */
const PATIENCE_MS = 2_000;
const PATIENCE_PER_ANSWER = 4;
const PATIENCE_MS_MAX = 30_000;
/** Until a first piece has shown how long one takes: 60 kB are on their way for 6 s at 10 kB/s. */
const PATIENCE_UNTIMED_MS = 6_000;

/** Pieces that are waited for at once, in the pull lane: about 1 MB, which keeps a link of 8 MB/s at 100 ms busy. */
export const CREDIT_MAX = 16;
/** While nothing has shown yet how fast the way is. */
const CREDIT_MIN = 2;
/**
 * As many pieces are waited for as came in this time, or in two of the shortest answers, and two more: what waits on a slow way
 * is then a second of it, which everything else that is said to the device waits behind.
 */
const CREDIT_MS = 1_000;

/** Answers come in the order in which they were asked for, but for some that the controller reads from its disk sooner. */
const OVERTAKING_MAX = 4;

interface Asked {
  readonly atMs: number;
  readonly isAgain: boolean;
  /** When so many answers have come, and not this one, it is lost. */
  lostAtAnswer: number;
}

export class Asking {
  readonly #asked = new Map<number, Asked>();
  /** When the last answers came, at most CREDIT_MAX. */
  readonly #answeredAtMs: number[] = [];
  #answers = 0;
  #heardAtMs = -Infinity;
  #askedAtMs = -Infinity;
  /** How long nothing may come. */
  #patienceMs = PATIENCE_MS;
  /** Wants since anything came that was asked for. */
  #inVain = 0;
  /** From asking for a piece to its coming, what waits before it included: smoothed; 0 until known. */
  #answerMs = 0;
  #shortestMs = Infinity;
  #retries = 0;

  /** Pieces that were asked for again because they had not come. */
  get retries(): number {
    return this.#retries;
  }

  /** Pieces that may still come from an earlier want, in the pull lane. */
  awaited(nowMs: number): ReadonlySet<number> {
    if (this.#isQuiet(nowMs)) return new Set();
    return this.#thatAre(({ lostAtAnswer }) => this.#answers < lostAtAnswer);
  }

  /** While others come, a piece that has not is behind them; when nothing comes for so long, nothing will. */
  #isQuiet(nowMs: number): boolean {
    return nowMs - Math.max(this.#askedAtMs, this.#heardAtMs) >= this.#patienceMs;
  }

  /** The same for gaps of a broadcast, whose frames say nothing of what was asked for. */
  awaitedRepairs(nowMs: number): ReadonlySet<number> {
    return this.#thatAre(({ atMs }) => nowMs - atMs < this.#patienceMs);
  }

  #thatAre(wanted: (asked: Asked) => boolean): ReadonlySet<number> {
    const pieces = new Set<number>();
    for (const [piece, asked] of this.#asked) if (wanted(asked)) pieces.add(piece);
    return pieces;
  }

  /** How many pieces may be waited for at this moment. */
  credit(nowMs: number): number {
    const windowMs = Math.max(CREDIT_MS, this.#shortestMs === Infinity ? 0 : 2 * this.#shortestMs);
    const lately = this.#answeredAtMs.filter((atMs) => nowMs - atMs <= windowMs).length;
    return Math.min(CREDIT_MAX, CREDIT_MIN + lately);
  }

  ask(pieces: readonly number[], nowMs: number): void {
    if (pieces.length === 0) return;
    if (this.#isQuiet(nowMs) && this.#asked.size > 0) {
      for (const asked of this.#asked.values()) asked.lostAtAnswer = 0;
      this.#inVain += 1;
    }
    const lostAtAnswer = this.#answers + this.awaited(nowMs).size + pieces.length + OVERTAKING_MAX;
    for (const piece of pieces) {
      const isAgain = this.#asked.has(piece);
      if (isAgain) this.#retries += 1;
      this.#asked.set(piece, { atMs: nowMs, isAgain, lostAtAnswer });
    }
    this.#askedAtMs = nowMs;
    this.#patienceMs = this.#patienceNow();
  }

  #patienceNow(): number {
    const untimedMs = this.#answers === 0 ? PATIENCE_MS : PATIENCE_UNTIMED_MS;
    const firstMs = this.#answerMs === 0 ? untimedMs : Math.max(PATIENCE_MS, PATIENCE_PER_ANSWER * this.#answerMs);
    return backoffMs({ firstMs, mostMs: Math.max(firstMs, PATIENCE_MS_MAX) }, this.#inVain, Math.random);
  }

  /** A frame of any kind: the way is alive. */
  heard(piece: number, nowMs: number): void {
    this.#heardAtMs = nowMs;
    if (this.#asked.delete(piece)) this.#inVain = 0;
  }

  /** A frame that was sent because this device asked; `isTimed`: it is as long as those to come. */
  answered(piece: number, nowMs: number, isTimed: boolean): void {
    const asked = this.#asked.get(piece);
    this.heard(piece, nowMs);
    this.#answeredAtMs.push(nowMs);
    if (this.#answeredAtMs.length > CREDIT_MAX) this.#answeredAtMs.shift();
    // One that was asked for again, and has come before.
    if (asked === undefined) return;
    this.#answers += 1;
    if (isTimed) this.#noteTime(nowMs - asked.atMs, asked.isAgain);
  }

  /** What was asked for again may be the answer to the want before: it took at least so long, and perhaps longer. */
  #noteTime(tookMs: number, isAtLeast: boolean): void {
    if (isAtLeast) {
      this.#answerMs = Math.max(this.#answerMs, tookMs);
      return;
    }
    this.#answerMs = this.#answerMs === 0 ? tookMs : 0.7 * this.#answerMs + 0.3 * tookMs;
    this.#shortestMs = Math.min(this.#shortestMs, tookMs);
  }

  /** Nothing that was asked for will come: the connection or the lane is another. */
  forget(): void {
    this.#asked.clear();
    this.#inVain = 0;
  }
}
