import type { ProblemName } from "./problem-names.ts";

/** Clocks that are kept by a time server differ by less, and a batch is not on its way for as long. */
const AHEAD_MS_MAX = 600_000;
/** No device keeps records for so long; one without a clock begins at 1970, or when its image was made. */
const BEHIND_MS_MAX = 366 * 86_400_000;

export interface RecordTime {
  /** When the record counts as made. */
  readonly atMs: number;
  readonly problem: ProblemName | undefined;
}

/** Pure: the device's word, unless it cannot be; then when it came. A wrong clock must not put records where nobody looks. */
export function recordTime(toldMs: number, receivedMs: number): RecordTime {
  if (toldMs > receivedMs + AHEAD_MS_MAX) return { atMs: receivedMs, problem: "clock-ahead" };
  if (toldMs < receivedMs - BEHIND_MS_MAX) return { atMs: receivedMs, problem: "clock-behind" };
  return { atMs: toldMs, problem: undefined };
}
