/** Keeps the presence of each device in the database, with one write a sweep for all that was heard. */
import type { Clock } from "../../common/clock.ts";
import type { DeviceId, SessionId } from "../../protocol/ids.ts";
import type { DeviceState } from "../../protocol/messages/device-state.ts";
import type { Store } from "../store/store.ts";
import { recordEvent, type NewEvent } from "./events.ts";
import { afterSign, afterState, hasAgedOut, type Presence } from "./presence.ts";

export interface PresenceKeeper {
  /** Any message of the device: it is alive. Written with the next sweep. */
  readonly heard: (device: DeviceId) => void;
  /** True when the device came or went. */
  readonly state: (device: DeviceId, said: DeviceState) => Promise<boolean>;
  readonly sign: (device: DeviceId, session: SessionId) => Promise<boolean>;
  /** Writes what was heard and ages out the silent; call it every few seconds. Gives the devices that went. */
  readonly sweep: () => Promise<readonly DeviceId[]>;
}

export function createPresenceKeeper(store: Store, clock: Clock): PresenceKeeper {
  const heardMs = new Map<DeviceId, number>();

  async function change(device: DeviceId, after: (before: Presence) => Presence): Promise<boolean> {
    const nowMs = clock.nowMs();
    const row = await store
      .selectFrom("devices")
      .select(["online", "session"])
      .where("id", "=", device)
      .executeTakeFirst();
    if (row === undefined) return false;
    const before: Presence = { online: row.online === 1, session: row.session };
    const next = after(before);
    if (next.online === before.online && next.session === before.session) return false;
    const changed = next.online !== before.online;
    await store
      .updateTable("devices")
      .set({
        online: next.online ? 1 : 0,
        session: next.session,
        ...(changed ? { online_since_ms: nowMs } : {}),
        ...(next.online ? { last_heard_ms: nowMs } : {}),
      })
      .where("id", "=", device)
      .execute();
    if (changed) await recordEvent(store, next.online ? cameOnline(device) : wentOffline(device), nowMs);
    return changed;
  }

  return {
    heard: (device) => heardMs.set(device, clock.nowMs()),
    state: (device, said) => change(device, (before) => afterState(before, said)),
    sign: (device, session) => change(device, (before) => afterSign(before, session)),
    sweep: async () => {
      const nowMs = clock.nowMs();
      const heard = [...heardMs];
      heardMs.clear();
      return store.transaction().execute(async (trx) => {
        for (const [device, atMs] of heard) {
          await trx.updateTable("devices").set({ last_heard_ms: atMs }).where("id", "=", device).execute();
        }
        const rows = await trx
          .selectFrom("devices")
          .select(["id", "last_heard_ms", "heartbeat_ms"])
          .where("online", "=", 1)
          .execute();
        const gone = rows.filter((row) => hasAgedOut(row.last_heard_ms, row.heartbeat_ms, nowMs));
        for (const { id, last_heard_ms } of gone) {
          await trx
            .updateTable("devices")
            .set({ online: 0, session: null, online_since_ms: nowMs })
            .where("id", "=", id)
            .execute();
          const silentS = Math.round((nowMs - last_heard_ms) / 1_000);
          const text = `${id} has been silent for ${silentS} s, longer than 2.5 heartbeats: counted as offline`;
          await recordEvent(trx, { kind: "device-aged-out", device: id, text }, nowMs);
        }
        return gone.map(({ id }) => id);
      });
    },
  };
}

function cameOnline(device: DeviceId): NewEvent {
  return { kind: "device-online", device, text: `${device} is online` };
}

function wentOffline(device: DeviceId): NewEvent {
  return { kind: "device-offline", device, text: `${device} went offline` };
}
