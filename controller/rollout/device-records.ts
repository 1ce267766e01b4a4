/** One device's telemetry in the order in which it was written, by ranges of the table's primary key. */
import type { DeviceId, StreamId } from "../../protocol/ids.ts";
import type { RecordKind } from "../../protocol/messages/telemetry-batch.ts";
import type { Store } from "../store/store.ts";
import { storedRecordOf, type StoredRecord } from "../telemetry/telemetry-record.ts";

/** Of the version before: four hours of a busy device, */
const FORMER_RECORDS_MAX = 2_000;
/** and never older than a day: what was true last week is no comparison. */
const FORMER_MS_MAX = 86_400_000;
/** Streams of one device that may hold a stage: a device that loses its database begins another. */
const STREAMS_MAX = 2;
/** How far back the beginning of a stage is looked for, where this program started after it: a day of a busy device. */
const LOOK_BACK_RECORDS_MAX = 20_000;

/** Oldest first. */
export async function newestStreams(store: Store, device: DeviceId): Promise<{ stream: StreamId; next: number }[]> {
  const streams = await store
    .selectFrom("streams")
    .select(["stream", "next"])
    .where("device", "=", device)
    .orderBy("first_ms", "desc")
    .limit(STREAMS_MAX)
    .execute();
  return streams.reverse();
}

/** The first record that was received since then; `next` where there is none. */
export async function firstSince(
  store: Store,
  device: DeviceId,
  stream: StreamId,
  next: number,
  sinceMs: number,
): Promise<number> {
  const first = await store
    .selectFrom("telemetry")
    .select("seq")
    .where("device", "=", device)
    .where("stream", "=", stream)
    .where("seq", ">=", next - LOOK_BACK_RECORDS_MAX)
    .where("received_ms", ">=", sinceMs)
    .orderBy("seq")
    .limit(1)
    .executeTakeFirst();
  return first?.seq ?? next;
}

/** What came right before the version, oldest first. */
export async function formerRecords(
  store: Store,
  kinds: readonly RecordKind[],
  { device, stream, seq }: StoredRecord,
  nowMs: number,
): Promise<readonly StoredRecord[]> {
  const from = seq - FORMER_RECORDS_MAX;
  const records = await recordsOf(store, { device, stream, from, before: seq, kinds, limit: FORMER_RECORDS_MAX });
  return records.filter(({ receivedMs }) => receivedMs >= nowMs - FORMER_MS_MAX);
}

export interface RecordsWanted {
  readonly device: DeviceId;
  readonly stream: StreamId;
  readonly from: number;
  readonly before: number;
  readonly kinds: readonly RecordKind[];
  readonly limit: number;
}

/** A range of the primary key, whatever else the table holds. */
export async function recordsOf(
  store: Store,
  { device, stream, from, before, kinds, limit }: RecordsWanted,
): Promise<readonly StoredRecord[]> {
  const rows = await store
    .selectFrom("telemetry")
    .selectAll()
    .where("device", "=", device)
    .where("stream", "=", stream)
    .where("seq", ">=", from)
    .where("seq", "<", before)
    .where("kind", "in", kinds)
    .orderBy("seq")
    .limit(limit)
    .execute();
  return rows.map(storedRecordOf);
}
