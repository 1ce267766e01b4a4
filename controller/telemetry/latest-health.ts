import type { DeviceId } from "../../protocol/ids.ts";
import type { Store } from "../store/store.ts";
import { storedRecordOf, type StoredRecord } from "./telemetry-record.ts";

/** Records looked at, newest first, before a device counts as one that tells nothing of its health: some hours of them. */
const RECORDS_MAX = 2_000;

/** The newest `health` record of a device by its own numbering; undefined where it has not told any lately. */
export async function latestHealth(store: Store, device: DeviceId): Promise<StoredRecord | undefined> {
  const stream = await store
    .selectFrom("streams")
    .select(["stream", "next"])
    .where("device", "=", device)
    .orderBy("first_ms", "desc")
    .executeTakeFirst();
  if (stream === undefined) return undefined;
  const row = await store
    .selectFrom("telemetry")
    .selectAll()
    .where("device", "=", device)
    .where("stream", "=", stream.stream)
    .where("seq", ">=", stream.next - RECORDS_MAX)
    .where("kind", "=", "health")
    .orderBy("seq", "desc")
    .executeTakeFirst();
  return row === undefined ? undefined : storedRecordOf(row);
}
