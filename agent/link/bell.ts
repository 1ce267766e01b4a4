import type { Clock } from "../../common/clock.ts";

/** Wakes one part that waits for time or for news, whichever comes first. */
export interface Bell {
  readonly ring: () => void;
  /** Settles at the next ring (or the last one, if nobody has waited since), after the time, or on abort. */
  readonly wait: (ms: number, signal: AbortSignal) => Promise<void>;
}

export function createBell(clock: Clock): Bell {
  let rung = new AbortController();
  return {
    ring: () => {
      rung.abort();
    },
    wait: async (ms, signal) => {
      await clock.sleep(ms, AbortSignal.any([signal, rung.signal]));
      if (rung.signal.aborted) rung = new AbortController();
    },
  };
}
