import type { Clock } from "../../../common/clock.ts";
import type { Tensor } from "../../../protocol/tensor.ts";
import { agreementOf, type Agreement } from "./agreement.ts";

/** One request that was answered. */
export interface AnsweredRequest {
  readonly inputs: readonly Tensor[];
  readonly outputs: readonly Tensor[];
}

/** The other version's answer to the same request; undefined where it has other things to do, or cannot. Never rejects. */
export type AskOther = () => Promise<readonly Tensor[] | undefined>;

/** Five a second tell 1,500 times in five minutes whether the answers are alike. */
const EVERY_MS = 200;
/** The other version may take a fifth of one processor's time from the one that answers. */
const REST_SHARE = 4;
/** Of inputs and outputs: larger ones would cost the agent more time than the comparison is worth. */
export const COMPARED_BYTES_MAX = 4 * 1024 ** 2;

/**
 * Compares answers of the active version with those of one that stands by or answers little, one at a time, after they were given: no answer waits for
 * it, and a request that comes while it is busy is not compared.
 */
export class StandbyComparison {
  readonly #clock: Clock;
  #isBusy = false;
  #nextMs = -Infinity;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Whether the next answer may be compared. */
  get isDue(): boolean {
    return !this.#isBusy && this.#clock.monotonicMs() >= this.#nextMs;
  }

  offer(ask: AskOther, answered: AnsweredRequest, tell: (agreement: Agreement) => void): void {
    if (!this.isDue || bytesOf(answered) > COMPARED_BYTES_MAX) return;
    this.#isBusy = true;
    // The answer is on its way to the caller before the standby takes the processor.
    setImmediate(() => void this.#compare(ask, answered, tell));
  }

  async #compare(ask: AskOther, { outputs }: AnsweredRequest, tell: (agreement: Agreement) => void): Promise<void> {
    const beganMs = this.#clock.monotonicMs();
    const others = await ask();
    if (others !== undefined) tell(agreementOf(outputs, others));
    const endedMs = this.#clock.monotonicMs();
    this.#nextMs = Math.max(beganMs + EVERY_MS, endedMs + REST_SHARE * (endedMs - beganMs));
    this.#isBusy = false;
  }
}

export function bytesOf({ inputs, outputs }: AnsweredRequest): number {
  return [...inputs, ...outputs].reduce((sum, { bytes }) => sum + bytes.byteLength, 0);
}
