import type { Clock } from "../../common/clock.ts";

/** How much faster than the machine's it runs. */
const HURRY = 100;

/** A clock whose waits are short, for parts that look again every second. */
export const hurriedClock: Clock = {
  nowMs: () => Date.now(),
  monotonicMs: () => performance.now(),
  sleep: hurriedSleep,
};

export function hurriedSleep(ms: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, ms / HURRY);
    signal?.addEventListener(
      "abort",
      () => {
        clearTimeout(timer);
        resolve();
      },
      { once: true },
    );
  });
}
