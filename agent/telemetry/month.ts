/** Months by UTC: a bill's own days differ by at most one. Pure. */

export function isSameMonth(aMs: number, bMs: number): boolean {
  return startOfMonth(aMs) === startOfMonth(bMs);
}

/** The share of its month that has passed at this time, 0 to 1. */
export function monthPassed(atMs: number): number {
  const startMs = startOfMonth(atMs);
  return (atMs - startMs) / (startOfMonth(atMs, 1) - startMs);
}

function startOfMonth(atMs: number, later = 0): number {
  const date = new Date(atMs);
  return Date.UTC(date.getUTCFullYear(), date.getUTCMonth() + later);
}
