/** When a copy of a request may be computed so that nobody notices. Pure. */

export interface Moment {
  /** Requests of the slot that wait or are being computed. */
  readonly underWay: number;
  readonly sinceRequestMs: number;
  /** Requests since a copy was last computed although others were under way. */
  readonly sinceForced: number;
}

/**
 * A caller that asks again as soon as it is answered does so within a millisecond or two: after this time nobody is about to.
 */
export const QUIET_MS = 5;
/**
 * One request in so many may meet a copy where it is never quiet: too few to move the 99th percentile of what callers wait,
 * enough for a gate to judge a busy device in minutes.
 */
export const REQUESTS_PER_FORCED_COPY = 128;

/** `quiet`: nothing disturbs the copy, and it disturbs nothing. */
export type CopyMoment = "quiet" | "forced" | "wait";

export function copyMoment({ underWay, sinceRequestMs, sinceForced }: Moment): CopyMoment {
  if (underWay === 0 && sinceRequestMs >= QUIET_MS) return "quiet";
  return sinceForced >= REQUESTS_PER_FORCED_COPY ? "forced" : "wait";
}
