/** Which devices there are, and what each says that it is. */
import { sql } from "kysely";
import type { DeviceId } from "../../protocol/ids.ts";
import type { DeviceInfo } from "../../protocol/messages/device-info.ts";
import { publicKeyFromPem } from "../../protocol/trust/keys.ts";
import type { Store } from "../store/store.ts";
import { recordEvent } from "./events.ts";

/** Rows that strangers on the broker can cause: bounds the database at about 400 MB. */
export const DEVICES_MAX = 100_000;

/** True when the device has a row; false when it would be one too many. */
export async function ensureDevice(store: Store, device: DeviceId, nowMs: number): Promise<boolean> {
  const known = await store.selectFrom("devices").select("id").where("id", "=", device).executeTakeFirst();
  if (known !== undefined) return true;
  if (await isFull(store)) {
    await recordEvent(
      store,
      { kind: "device-limit", text: `${DEVICES_MAX} devices are known; no more are taken` },
      nowMs,
    );
    return false;
  }
  await store
    .insertInto("devices")
    .values({
      id: device,
      public_key: null,
      first_seen_ms: nowMs,
      last_heard_ms: nowMs,
      session: null,
      online: 0,
      online_since_ms: nowMs,
      heartbeat_ms: null,
      info_json: null,
    })
    .onConflict((conflict) => conflict.column("id").doNothing())
    .execute();
  await recordEvent(store, { kind: "device-joined", device, text: `${device} was heard for the first time` }, nowMs);
  return true;
}

/** SQLite numbers rows upwards, so the last number is no less than the count, and found without counting. */
async function isFull(store: Store): Promise<boolean> {
  const { rows } = await sql<{ last: number | null }>`SELECT max(rowid) AS last FROM devices`.execute(store);
  return (rows[0]?.last ?? 0) >= DEVICES_MAX;
}

export type InfoOutcome = { readonly kind: "recorded" } | { readonly kind: "refused"; readonly why: string };

/**
 * The first public key of a device is kept for good: whoever says something else under that id later is refused as a
 * whole, inventory included. Throws ProtocolError for a key that is no P-256 key.
 */
export async function recordInfo(
  store: Store,
  device: DeviceId,
  info: DeviceInfo,
  nowMs: number,
): Promise<InfoOutcome> {
  const offered = publicKeyFromPem(info.publicKey);
  const row = await store.selectFrom("devices").select("public_key").where("id", "=", device).executeTakeFirst();
  const known = row?.public_key ?? null;
  if (known !== null && publicKeyFromPem(known).fingerprint !== offered.fingerprint) {
    const why = `${device} came with another key (${offered.fingerprint.slice(0, 16)}…) than the first one; refused`;
    await recordEvent(store, { kind: "device-key-refused", device, text: why }, nowMs);
    return { kind: "refused", why };
  }
  await store
    .updateTable("devices")
    .set({ public_key: known ?? offered.pem, info_json: JSON.stringify(info) })
    .where("id", "=", device)
    .execute();
  return { kind: "recorded" };
}
