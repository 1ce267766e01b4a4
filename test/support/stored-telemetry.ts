import { openStore, type Store } from "../../controller/store/store.ts";
import { storeBatches } from "../../controller/telemetry/store-batches.ts";
import type { DeviceId, StreamId } from "../../protocol/ids.ts";
import type { RecordFields, RecordKind } from "../../protocol/messages/telemetry-batch.ts";

export const STREAM = "a".repeat(32) as StreamId;

/** A record as a test writes it; what it leaves out has a value that does not matter. */
export interface Stored {
  readonly device?: string;
  readonly stream?: StreamId;
  readonly seq: number;
  readonly kind?: RecordKind;
  readonly atMs?: number;
  readonly receivedMs?: number;
  readonly backfill?: boolean;
  readonly fields?: RecordFields;
}

/** A database with these records, stored as they would be if they came; a stream's ascend. */
export async function storeOf(path: string, records: readonly Stored[]): Promise<Store & AsyncDisposable> {
  const { store } = await openStore(path);
  await addTo(store, records);
  return Object.assign(store, { [Symbol.asyncDispose]: () => store.destroy() });
}

export async function addTo(store: Store, records: readonly Stored[]): Promise<void> {
  await store.transaction().execute(async (db) => {
    for (const record of records) {
      const { device = "d1", stream = STREAM, seq, kind = "health", fields = {} } = record;
      const { backfill = false, atMs = 500 + seq, receivedMs = record.atMs ?? 1_000 } = record;
      const range = { stream, acked: 0, from: 0, next: seq + 1, backfill, records: [{ seq, atMs, kind, fields }] };
      await storeBatches(db, [{ device: device as DeviceId, range }], receivedMs);
    }
  });
}
