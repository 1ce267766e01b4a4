import { setTimeout as sleep } from "node:timers/promises";

/** How often a condition is looked at: short against what a test waits for, long against the work of looking. */
const POLL_MS = 20;

/**
 * Waits until `condition` gives something that is neither undefined nor false, and returns it. Throws with `what` when
 * that takes too long: the deadline is a safety net for a broken program, not a measurement.
 */
export async function until<T>(
  what: string,
  condition: () => T | undefined | false | Promise<T | undefined | false>,
  { timeoutMs = 30_000, pollMs = POLL_MS }: { timeoutMs?: number; pollMs?: number } = {},
): Promise<T> {
  const deadline = performance.now() + timeoutMs;
  for (;;) {
    const value = await condition();
    if (value !== undefined && value !== false) return value;
    if (performance.now() > deadline) throw new Error(`waited ${String(timeoutMs)} ms in vain until ${what}`);
    await sleep(pollMs);
  }
}
