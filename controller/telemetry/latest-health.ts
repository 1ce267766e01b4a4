import { sql } from "kysely";
import type { DeviceId } from "../../protocol/ids.ts";
import { RecordFieldsSchema, type RecordFields } from "../../protocol/messages/telemetry-batch.ts";
import { gate } from "../../protocol/schema.ts";
import type { Store } from "../store/store.ts";

/** Records looked at, newest first, before a device counts as one that tells nothing of its health: some hours of them. */
const RECORDS_MAX = 2_000;

export interface LatestHealth {
  /** The device's clock; of a sum, where its stretch begins. */
  readonly atMs: number;
  /** This controller's clock; of a sum, when the last of its records can have been made. */
  readonly receivedMs: number;
  /** Of a sum the means, with `.min` and `.max` beside them. */
  readonly fields: RecordFields;
}

const check = gate("stored health record", RecordFieldsSchema);

/**
 * The newest `health` record of a device by its own numbering, or else the newest sum of such: a device that was away for days has
 * nothing else left. Undefined where it never told any.
 */
export async function latestHealth(store: Store, device: DeviceId): Promise<LatestHealth | undefined> {
  return (await newestRecord(store, device)) ?? (await newestSum(store, device));
}

async function newestRecord(store: Store, device: DeviceId): Promise<LatestHealth | undefined> {
  const stream = await store
    .selectFrom("streams")
    .select(["stream", "next"])
    .where("device", "=", device)
    .orderBy("first_ms", "desc")
    .executeTakeFirst();
  if (stream === undefined) return undefined;
  const row = await store
    .selectFrom("telemetry")
    .select(["at_ms", "received_ms", "fields_json"])
    .where("device", "=", device)
    .where("stream", "=", stream.stream)
    .where("seq", ">=", stream.next - RECORDS_MAX)
    .where("kind", "=", "health")
    .orderBy("seq", "desc")
    .executeTakeFirst();
  if (row === undefined) return undefined;
  return { atMs: row.at_ms, receivedMs: row.received_ms, fields: check(JSON.parse(row.fields_json)) };
}

/** Sums of either length: the one whose stretch ends last, and of those the finer. */
async function newestSum(store: Store, device: DeviceId): Promise<LatestHealth | undefined> {
  const row = await store
    .selectFrom("telemetry_rollups")
    .select(["at_ms", "span_ms", "fields_json"])
    .where("device", "=", device)
    .where("kind", "=", "health")
    .orderBy(sql`at_ms + span_ms`, "desc")
    .orderBy("span_ms")
    .executeTakeFirst();
  if (row === undefined) return undefined;
  return { atMs: row.at_ms, receivedMs: row.at_ms + row.span_ms, fields: check(JSON.parse(row.fields_json)) };
}
