import type { Clock } from "../../common/clock.ts";

/** Time that stands still until a test moves it; sleeping takes none. */
export interface ManualClock extends Clock {
  readonly advance: (ms: number) => void;
}

export function manualClock(startMs: number): ManualClock {
  let nowMs = startMs;
  return {
    nowMs: () => nowMs,
    monotonicMs: () => nowMs,
    sleep: () => Promise.resolve(),
    advance: (ms) => {
      nowMs += ms;
    },
  };
}
