/** What must happen now and then, whether or not anything else does. */
import type { Clock } from "../../common/clock.ts";
import { messageOf } from "../../common/ferry-error.ts";
import type { Log } from "../../common/log.ts";
import type { DeviceId } from "../../protocol/ids.ts";
import { rootExpiry } from "../roots/root-expiry.ts";
import type { Store } from "../store/store.ts";
import type { Director } from "./director.ts";
import { pruneEvents, recordEvent } from "./events.ts";
import type { PresenceKeeper } from "./presence-keeper.ts";

export interface HousekeepingPorts {
  readonly store: Store;
  readonly presence: PresenceKeeper;
  readonly director: Director;
  /** When devices stop to install anything, unless the owners sign a newer root. */
  readonly rootExpiresMs: () => number;
  readonly touch: (device: DeviceId) => void;
  readonly clock: Clock;
  readonly log: Log;
}

/** Silence is noticed within this after it has lasted long enough. */
const SWEEP_MS = 1_000;
/** Deployments are signed anew, and old events dropped, at this pace. */
const UPKEEP_MS = 60_000;

export async function runHousekeeping(ports: HousekeepingPorts, signal: AbortSignal): Promise<void> {
  const { presence, touch, clock, log } = ports;
  let upkeepAtMs = -Infinity;
  while (!signal.aborted) {
    try {
      for (const device of await presence.sweep()) touch(device);
      if (clock.monotonicMs() - upkeepAtMs >= UPKEEP_MS) {
        upkeepAtMs = clock.monotonicMs();
        await upkeep(ports);
      }
    } catch (thrown) {
      log.error({ error: messageOf(thrown) }, "housekeeping failed; trying again");
    }
    await clock.sleep(SWEEP_MS, signal);
  }
}

async function upkeep({ store, director, rootExpiresMs, clock, log }: HousekeepingPorts): Promise<void> {
  director.renew();
  await pruneEvents(store);
  const expiry = rootExpiry(rootExpiresMs(), clock.nowMs());
  if (expiry.kind === "far") return;
  log.warn({ rootExpires: expiry.date }, expiry.text);
  await recordEvent(store, { kind: "root-expires", text: expiry.text }, clock.nowMs());
}
