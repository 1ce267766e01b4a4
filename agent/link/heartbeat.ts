/** The signed report: at a steady pace, and at once when a slot changes. */
import type { Clock } from "../../common/clock.ts";
import { messageOf } from "../../common/ferry-error.ts";
import type { Log } from "../../common/log.ts";
import { createBell } from "./bell.ts";

export interface HeartbeatPorts {
  /** Signs and publishes one. A rejection means that there is no connection: the next connect says it again. */
  readonly say: () => Promise<void>;
  /** Asked before each wait: a budget of data that runs short makes it longer. */
  readonly heartbeatMs: () => number;
  readonly clock: Clock;
  readonly random: () => number;
  readonly log: Log;
}

export interface Heartbeat {
  /** Something changed that the fleet should know. */
  readonly sayNow: () => void;
  readonly run: (signal: AbortSignal) => Promise<void>;
}

/** Several changes in one moment, such as the phases of a small model, make few reports; nobody waits longer for one. */
const GAP_MS = 200;
/** Up to this share of the interval earlier: devices that started together drift apart. */
const JITTER = 0.2;

export function createHeartbeat({ say, heartbeatMs, clock, random, log }: HeartbeatPorts): Heartbeat {
  const bell = createBell(clock);
  return {
    sayNow: bell.ring,
    run: async (signal) => {
      while (!signal.aborted) {
        await say().catch((error: unknown) => {
          log.debug({ error: messageOf(error) }, "the report was not sent");
        });
        await clock.sleep(GAP_MS, signal);
        await bell.wait(heartbeatMs() * (1 - JITTER * random()) - GAP_MS, signal);
      }
    },
  };
}
