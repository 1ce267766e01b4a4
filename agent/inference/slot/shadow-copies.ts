import type { Clock } from "../../../common/clock.ts";
import { agreementOf, type Agreement } from "./agreement.ts";
import { copyMoment, QUIET_MS } from "./copy-moment.ts";
import type { CopyOutcome, InferRequest, InferResponse } from "../inference-engine.ts";
import type { AsideAnswer } from "./serving-version.ts";
import { bytesOf, COMPARED_BYTES_MAX } from "./standby-comparison.ts";

export interface ShadowPorts {
  /** Asks the version on trial; `isTimed` is asked when the answer is there. Never rejects. */
  readonly ask: (request: InferRequest, isTimed: () => boolean) => Promise<AsideAnswer>;
  /** Requests of the slot that wait or are being computed. */
  readonly underWay: () => number;
  readonly onCopied: (outcome: CopyOutcome) => void;
  readonly onCompared: (agreement: Agreement) => void;
  readonly clock: Clock;
}

interface Copy {
  readonly request: InferRequest;
  readonly response: InferResponse;
  readonly bytes: number;
}

/** A burst of requests, computed in the pause after it. */
export const COPIES_WAITING_MAX = 64;
/** Their inputs and outputs, together: four of the largest that are compared, and little beside a model. */
export const COPIES_BYTES_MAX = 16 * 1024 ** 2;

/**
 * Copies of requests that were answered, on their way to a version that answers nothing: one at a time, in moments in which
 * nobody waits. What there is no time and no room for is dropped, and counted.
 */
export class ShadowCopies {
  readonly #ports: ShadowPorts;
  readonly #waiting: Copy[] = [];
  readonly #closing = new AbortController();
  #waitingBytes = 0;
  #lastRequestMs = -Infinity;
  #sinceForced = 0;
  #isWorking = false;

  constructor(ports: ShadowPorts) {
    this.#ports = ports;
  }

  /** To be told of each request of the slot, copied or not, when it comes. */
  noteRequest(): void {
    this.#lastRequestMs = this.#ports.clock.monotonicMs();
    this.#sinceForced += 1;
  }

  offer(request: InferRequest, response: InferResponse): void {
    const bytes = bytesOf({ inputs: request.inputs, outputs: response.outputs });
    const isFull = this.#waiting.length >= COPIES_WAITING_MAX || this.#waitingBytes + bytes > COPIES_BYTES_MAX;
    if (isFull || bytes > COMPARED_BYTES_MAX) {
      this.#ports.onCopied({ kind: "dropped" });
      return;
    }
    this.#waiting.push({ request, response, bytes });
    this.#waitingBytes += bytes;
    // The answer is on its way to the caller before anything else is done.
    if (!this.#isWorking) setImmediate(() => void this.#work());
  }

  /** What waits is forgotten. */
  close(): void {
    this.#closing.abort();
    this.#waiting.length = 0;
  }

  async #work(): Promise<void> {
    if (this.#isWorking) return;
    this.#isWorking = true;
    const { signal } = this.#closing;
    while (!signal.aborted && this.#waiting.length > 0) {
      const moment = copyMoment({
        underWay: this.#ports.underWay(),
        sinceRequestMs: this.#ports.clock.monotonicMs() - this.#lastRequestMs,
        sinceForced: this.#sinceForced,
      });
      if (moment === "wait") await this.#ports.clock.sleep(QUIET_MS, signal);
      else await this.#compute(moment === "quiet");
    }
    this.#isWorking = false;
  }

  async #compute(isQuiet: boolean): Promise<void> {
    const copy = this.#waiting.shift();
    if (copy === undefined) return;
    this.#waitingBytes -= copy.bytes;
    if (!isQuiet) this.#sinceForced = 0;
    const before = this.#lastRequestMs;
    const wasUndisturbed = () => isQuiet && this.#lastRequestMs === before;
    const aside = await this.#ports.ask(copy.request, wasUndisturbed);
    if (this.#closing.signal.aborted) return;
    switch (aside.kind) {
      case "answered":
        this.#ports.onCopied({ kind: "answered", inferMs: wasUndisturbed() ? aside.answer.inferMs : undefined });
        this.#ports.onCompared(agreementOf(copy.response.outputs, aside.answer.outputs));
        return;
      case "failed":
        this.#ports.onCopied({ kind: "failed" });
        return;
      case "unable":
        this.#ports.onCopied({ kind: "dropped" });
    }
  }
}
