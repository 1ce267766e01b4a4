/**
 * What the device may believe about time. A Raspberry Pi boots in 1970, and a wrong clock would make every expiry check
 * pass, or fail, in silence: so time comes from the director's answer to a nonce, and the system's clock is not asked.
 */
import { NONCE_ANSWER_MS_MAX } from "../../protocol/limits.ts";

/** A nonce that was sent and not yet answered. */
export interface Challenge {
  readonly nonce: string;
  readonly sentAtBootMs: number;
}

/** "It was this time, when the boot clock said that." */
export interface Anchor {
  readonly issuedMs: number;
  readonly atBootMs: number;
}

export interface TrustedTime {
  /** Milliseconds since the machine started, sleep included; it never jumps. */
  readonly bootMs: number;
  /** Newest last; see CHALLENGES_MAX. */
  readonly challenges: readonly Challenge[];
  /** Null until the first answer since this process started. */
  readonly anchor: Anchor | null;
}

/** An answer may cross with the next question; older ones are beyond their time anyway. */
const CHALLENGES_MAX = 4;

/** How often a device asks: the newest deployment withheld by a broker is noticed within two of these. */
export const HELLO_MS = 6 * 3_600_000;

/** Two unanswered questions: whoever keeps the answers back keeps the device from installing, not from running. */
export const FRESH_MS_MAX = 2 * HELLO_MS;

/** The time now, counted on from the anchor; undefined before the first. */
export function trustedNowMs({ bootMs, anchor }: TrustedTime): number | undefined {
  return anchor === null ? undefined : anchor.issuedMs + (bootMs - anchor.atBootMs);
}

/** Whether somebody whom the device trusts has lately vouched for the time. An unfresh device installs nothing. */
export function isFresh({ bootMs, anchor }: TrustedTime): boolean {
  return anchor !== null && bootMs - anchor.atBootMs <= FRESH_MS_MAX;
}

export function withChallenge(time: TrustedTime, nonce: string): TrustedTime {
  const challenges = [...time.challenges, { nonce, sentAtBootMs: time.bootMs }].slice(-CHALLENGES_MAX);
  return { ...time, challenges };
}

/** The anchor that an answer gives; undefined where it answers nothing that was asked, or too late. */
export function anchorFrom(time: TrustedTime, nonce: string | undefined, issuedMs: number): Anchor | undefined {
  const challenge = time.challenges.find((one) => one.nonce === nonce);
  if (challenge === undefined || time.bootMs - challenge.sentAtBootMs > NONCE_ANSWER_MS_MAX) return undefined;
  return { issuedMs, atBootMs: time.bootMs };
}
