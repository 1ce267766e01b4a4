import type { TransferId } from "../../protocol/ids.ts";
import type { TransferOffer } from "../../protocol/messages/transfer-offer.ts";
import type { ChunkHeader } from "../../protocol/transfer/chunk-frame.ts";
import { isAcknowledgementDue, isLagging } from "./decide.ts";

/** A gap this old was not made by frames that merely overtook each other. */
const GAP_MS = 300;
/** A broadcast that says nothing for so long is left: in the pull lane the device asks. */
const SILENT_MS = 3_000;

/** What a device knows of the broadcast that it listens to. */
export class Listening {
  readonly transfer: TransferId;
  readonly topic: string;
  #isSentinel: boolean;
  #sequence = 0;
  /** The piece after the highest one broadcast, and where that stood at the last look. */
  #reached: number;
  #reachedBefore: number;
  #settled: number;
  #lookedAtMs: number;
  #heardAtMs: number;
  #shortestDelayMs = Infinity;
  #queueDelayMs = 0;
  #framesSinceWant = 0;
  #isOver = false;
  #lags = false;

  constructor(offer: TransferOffer, topic: string, isSentinel: boolean, nowMs: number) {
    this.transfer = offer.transfer;
    this.topic = topic;
    this.#isSentinel = isSentinel;
    this.#reached = offer.through;
    this.#reachedBefore = offer.through;
    this.#settled = offer.through;
    this.#lookedAtMs = nowMs;
    this.#heardAtMs = nowMs;
  }

  /** The same offer, said again. */
  hearOffer(offer: TransferOffer, isSentinel: boolean): void {
    this.#isSentinel = isSentinel;
    this.#isOver = offer.lane === "pull";
    this.#reached = Math.max(this.#reached, offer.through);
    this.#settled = Math.max(this.#settled, offer.through);
  }

  hearFrame(header: ChunkHeader, piece: number, nowMs: number): void {
    const delayMs = nowMs - header.sentAtMs;
    this.#heardAtMs = nowMs;
    this.#sequence = Math.max(this.#sequence, header.sequence);
    this.#reached = Math.max(this.#reached, piece + 1);
    this.#framesSinceWant += 1;
    this.#shortestDelayMs = Math.min(this.#shortestDelayMs, delayMs);
    // The clocks' difference is in both delays, and cancels.
    const queueDelayMs = delayMs - this.#shortestDelayMs;
    this.#queueDelayMs = Math.max(this.#queueDelayMs, queueDelayMs);
    if (isLagging(queueDelayMs, header.groupDelayMs)) this.#lags = true;
  }

  /** To be called often: moves what has had time to arrive. */
  look(nowMs: number): void {
    if (nowMs - this.#lookedAtMs < GAP_MS) return;
    this.#settled = Math.max(this.#settled, this.#reachedBefore);
    this.#reachedBefore = this.#reached;
    this.#lookedAtMs = nowMs;
  }

  /** Every piece below this has been broadcast. */
  get reached(): number {
    return this.#reached;
  }

  /** Every piece below this has been broadcast long enough ago to have arrived. */
  get settled(): number {
    return this.#settled;
  }

  /** Too slow for the group. */
  get lags(): boolean {
    return this.#lags;
  }

  shouldLeave(nowMs: number): boolean {
    return this.#lags || this.#isOver || nowMs - this.#heardAtMs > SILENT_MS;
  }

  isAcknowledgementDue(sinceWantMs: number): boolean {
    const framesSinceWant = this.#framesSinceWant;
    return isAcknowledgementDue({ isSentinel: this.#isSentinel, framesSinceWant, sinceWantMs });
  }

  /** What a want says of the broadcast; the next one counts from here. */
  acknowledge() {
    const queueDelayMs = Math.round(Math.min(3_600_000, this.#queueDelayMs));
    this.#queueDelayMs = 0;
    this.#framesSinceWant = 0;
    return { lane: "broadcast", transfer: this.transfer, sequence: this.#sequence, queueDelayMs } as const;
  }
}
