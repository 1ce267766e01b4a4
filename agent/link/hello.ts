/** Asks for the newest deployment with a nonce of the device's own: on each connect, and often enough to stay fresh. */
import { backoffMs, type BackoffPolicy } from "../../common/backoff.ts";
import type { Clock } from "../../common/clock.ts";
import { HELLO_MS } from "../update/trusted-time.ts";
import { createBell } from "./bell.ts";

export interface HelloPorts {
  /** Sends one, with a nonce that has not been used. A rejection means that there is no connection. */
  readonly say: () => Promise<void>;
  readonly clock: Clock;
  readonly random: () => number;
  /** How often to ask; HELLO_MS, but where it is measured what that takes. */
  readonly everyMs?: number;
}

export interface Hello {
  /** A connection stands: ask at once. Also for any other reason to ask, such as a root that has just been accepted. */
  readonly askNow: () => void;
  readonly onDisconnect: () => void;
  /** An answer came in time: ask again in `everyMs`. */
  readonly onAnswer: () => void;
  readonly run: (signal: AbortSignal) => Promise<void>;
}

/**
 * No answer within 2 s: the message or the answer was lost, or the controller is busy with a fleet that has just come
 * back. Then ever less often, until a controller that was away for a night is heard within a quarter of an hour.
 */
const UNANSWERED: BackoffPolicy = { firstMs: 2_000, mostMs: 900_000 };

export function createHello({ say, clock, random, everyMs = HELLO_MS }: HelloPorts): Hello {
  const bell = createBell(clock);
  let tries = 0;
  let nextAtMs = Infinity;

  function askAt(atMs: number): void {
    tries = 0;
    nextAtMs = atMs;
    bell.ring();
  }

  return {
    askNow: () => {
      askAt(clock.monotonicMs());
    },
    onDisconnect: () => {
      askAt(Infinity);
    },
    onAnswer: () => {
      askAt(clock.monotonicMs() + everyMs);
    },
    run: async (signal) => {
      while (!signal.aborted) {
        const nowMs = clock.monotonicMs();
        if (nowMs < nextAtMs) {
          await bell.wait(Math.min(nextAtMs - nowMs, HELLO_MS), signal);
          continue;
        }
        // Set before it is said: an answer may come while the broker still acknowledges the question.
        nextAtMs = nowMs + (tries === 0 ? UNANSWERED.firstMs : backoffMs(UNANSWERED, tries, random));
        tries += 1;
        await say().catch(() => undefined);
      }
    },
  };
}
