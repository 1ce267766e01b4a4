/** When a runner that ended by itself gets a successor, and when its version is given up. */
import { backoffMs, type BackoffPolicy } from "../../common/backoff.ts";

/** What has gone wrong in a row; a runner that lives for STABLE_AFTER_MS ends the row. */
export interface Troubles {
  readonly count: number;
  /** Restarts, the last ones, that led to no runner. */
  readonly failedRestarts: number;
  /** Runners, the last ones, that ended without having answered one request. */
  readonly fruitlessRuns: number;
}

export const NO_TROUBLES: Troubles = { count: 0, failedRestarts: 0, fruitlessRuns: 0 };

export type RestartDecision =
  { readonly kind: "restart"; readonly afterMs: number } | { readonly kind: "lost"; readonly why: string };

/** Restarts after the first, which is at once: a model that dies again and again must not take the processor. */
const RESTART: BackoffPolicy = { firstMs: 250, mostMs: 30_000 };
/** A runner that lived this long is a sound one: its next restart is at once again. */
export const STABLE_AFTER_MS = 60_000;
/** With the waits between them, some 4 to 8 s: a processor or a memory that is short for a moment is no lost model. */
export const FAILED_RESTARTS_MAX = 5;
/**
 * Runners that load, and die before their first answer. Twice as many, because the requests may be at fault: one that
 * kills runners is given up after three of them, so it takes several in a row, and nothing sound in between.
 */
export const FRUITLESS_RUNS_MAX = 10;

/** A runner ended. */
export function afterRun(
  troubles: Troubles,
  run: { readonly livedMs: number; readonly hasAnswered: boolean },
): Troubles {
  if (run.livedMs >= STABLE_AFTER_MS) return { ...NO_TROUBLES, count: 1 };
  return {
    count: troubles.count + 1,
    failedRestarts: 0,
    fruitlessRuns: run.hasAnswered ? 0 : troubles.fruitlessRuns + 1,
  };
}

/** A restart led to no runner. */
export function afterFailedRestart(troubles: Troubles): Troubles {
  return { ...troubles, count: troubles.count + 1, failedRestarts: troubles.failedRestarts + 1 };
}

/** `random` gives [0, 1). */
export function decideRestart(
  { count, failedRestarts, fruitlessRuns }: Troubles,
  random: () => number,
): RestartDecision {
  if (failedRestarts >= FAILED_RESTARTS_MAX) {
    return { kind: "lost", why: `${failedRestarts} restarts in a row failed` };
  }
  if (fruitlessRuns >= FRUITLESS_RUNS_MAX) {
    return { kind: "lost", why: `${fruitlessRuns} runners in a row ended before they answered a request` };
  }
  return { kind: "restart", afterMs: count <= 1 ? 0 : backoffMs(RESTART, count - 2, random) };
}
