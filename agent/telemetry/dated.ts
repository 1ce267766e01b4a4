import type { RecordRow } from "./outbox-tables.ts";

/** A clock that differs by more from what is trusted was wrong: more than answers take, less than anybody looks for. */
const WRONG_MS = 300_000;

export interface PresentTime {
  readonly bootMs: number;
  /** Undefined while nobody trusted has told it. */
  readonly trustedMs: number | undefined;
}

/**
 * Pure: when a record of this start of the machine was made. A board without a battery boots in 1970, and measures before
 * it hears the time: then its record is dated back from the trusted time by the clock that runs since the boot.
 */
export function datedMs(
  { at_ms, boot_ms }: Pick<RecordRow, "at_ms" | "boot_ms">,
  { bootMs, trustedMs }: PresentTime,
): number {
  if (trustedMs === undefined || boot_ms === null) return at_ms;
  const madeMs = Math.round(trustedMs - (bootMs - boot_ms));
  return Math.abs(madeMs - at_ms) > WRONG_MS ? madeMs : at_ms;
}
