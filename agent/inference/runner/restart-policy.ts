/** When a runner that ended by itself gets a successor, and when its version is given up. */
import { backoffMs, type BackoffPolicy } from "../../../common/backoff.ts";

/** What has gone wrong in a row; a runner that lives for STABLE_AFTER_MS ends the row. */
export interface Troubles {
  readonly count: number;
  /** Restarts, the last ones, that led to no runner. */
  readonly failedRestarts: number;
  /** Runners, the last ones, that ended without having answered one request. */
  readonly fruitlessRuns: number;
  /** The last runner that came up is no sign against the version. */
  readonly isUseful: boolean;
}

export const NO_TROUBLES: Troubles = { count: 0, failedRestarts: 0, fruitlessRuns: 0, isUseful: false };

export type RestartDecision =
  { readonly kind: "restart"; readonly afterMs: number } | { readonly kind: "lost"; readonly why: string };

/** Restarts after the first, which is at once: a model that dies again and again must not take the processor. */
const RESTART: BackoffPolicy = { firstMs: 250, mostMs: 30_000 };
/** The same where it was of use, or may have ended for a request's sake: whoever waits for the next one is answered too. */
const RESTART_OF_USEFUL: BackoffPolicy = { firstMs: 250, mostMs: 1_000 };
/** A runner that lived this long is a sound one: its next restart is at once again. */
export const STABLE_AFTER_MS = 60_000;
/** One that answered so long took less of the processor for its start than for its work. */
export const USEFUL_AFTER_MS = 500;
/** With the waits between them, some 4 to 8 s: a processor or a memory that is short for a moment is no lost model. */
export const FAILED_RESTARTS_MAX = 5;
/**
 * Runners that load, and die before their first answer. Twice as many, because the requests may be at fault: one that
 * kills runners is given up after three of them, so it takes several in a row, and nothing sound in between.
 */
export const FRUITLESS_RUNS_MAX = 10;

export interface EndedRun {
  readonly livedMs: number;
  readonly hasAnswered: boolean;
  /**
   * It ended while it computed a request, in a version that has answered others. Such a request is refused in the end; a
   * client that sends one after the other must not take the model from everybody else.
   */
  readonly isOverRequest: boolean;
}

/** A runner ended. */
export function afterRun(troubles: Troubles, { livedMs, hasAnswered, isOverRequest }: EndedRun): Troubles {
  if (livedMs >= STABLE_AFTER_MS || (hasAnswered && livedMs >= USEFUL_AFTER_MS)) return { ...NO_TROUBLES, count: 1 };
  const fruitlessRuns = isOverRequest ? troubles.fruitlessRuns : troubles.fruitlessRuns + 1;
  return {
    count: troubles.count + 1,
    failedRestarts: 0,
    fruitlessRuns: hasAnswered ? 0 : fruitlessRuns,
    isUseful: hasAnswered || isOverRequest,
  };
}

/** A restart led to no runner. */
export function afterFailedRestart(troubles: Troubles): Troubles {
  return { ...troubles, count: troubles.count + 1, failedRestarts: troubles.failedRestarts + 1 };
}

/** `random` gives [0, 1). */
export function decideRestart(
  { count, failedRestarts, fruitlessRuns, isUseful }: Troubles,
  random: () => number,
): RestartDecision {
  if (failedRestarts >= FAILED_RESTARTS_MAX) {
    return { kind: "lost", why: `${failedRestarts} restarts in a row failed` };
  }
  if (fruitlessRuns >= FRUITLESS_RUNS_MAX) {
    return { kind: "lost", why: `${fruitlessRuns} runners in a row ended before they answered a request` };
  }
  const policy = isUseful && failedRestarts === 0 ? RESTART_OF_USEFUL : RESTART;
  return { kind: "restart", afterMs: count <= 1 ? 0 : backoffMs(policy, count - 2, random) };
}
