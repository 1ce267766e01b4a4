/** Counts failures by key (an address, a name) and altogether, within windows of time and memory. */
export interface FailureLimit {
  /** Notes one failure; true while neither this key nor all of them together have had too many in this window. */
  readonly isWithin: (key: string) => boolean;
  /** Milliseconds until the window ends. */
  readonly leftMs: () => number;
}

export interface FailureLimitOptions {
  readonly windowMs: number;
  readonly perKeyMax: number;
  readonly totalMax: number;
  /** Any clock that never jumps. */
  readonly nowMs: () => number;
}

/** Keys remembered in one window: about a megabyte. Those beyond count together, as one. */
const KEYS_MAX = 10_000;
const REST = "(rest)";

export function createFailureLimit({ windowMs, perKeyMax, totalMax, nowMs }: FailureLimitOptions): FailureLimit {
  const failures = new Map<string, number>();
  let total = 0;
  let startedMs = nowMs();
  const turnOver = () => {
    if (nowMs() - startedMs < windowMs) return;
    failures.clear();
    total = 0;
    startedMs = nowMs();
  };
  return {
    isWithin: (key) => {
      turnOver();
      const counted = failures.has(key) || failures.size < KEYS_MAX ? key : REST;
      const count = (failures.get(counted) ?? 0) + 1;
      failures.set(counted, count);
      // What one key has too much of does not use up what all have together.
      if (count > perKeyMax) return false;
      total += 1;
      return total <= totalMax;
    },
    leftMs: () => Math.max(0, startedMs + windowMs - nowMs()),
  };
}
