import { setTimeout as sleepFor } from "node:timers/promises";

/** Time as a value: tests and simulations pass their own. */
export interface Clock {
  /** Wall clock, milliseconds since 1970; may be wrong and may jump. */
  readonly nowMs: () => number;
  /** Never jumps; its zero means nothing. */
  readonly monotonicMs: () => number;
  /** Resolves after the time, or at once when the signal aborts; never rejects. */
  readonly sleep: (ms: number, signal?: AbortSignal) => Promise<void>;
}

export const systemClock: Clock = {
  nowMs: () => Date.now(),
  monotonicMs: () => performance.now(),
  sleep: async (ms, signal) => {
    await sleepFor(ms, undefined, signal === undefined ? {} : { signal }).catch(() => undefined);
  },
};
