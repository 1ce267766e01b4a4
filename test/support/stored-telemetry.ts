import { openStore, type Store } from "../../controller/store/store.ts";
import { insertTelemetry } from "../../controller/telemetry/telemetry-rows.ts";
import type { DeviceId, StreamId } from "../../protocol/ids.ts";
import type { RecordFields, RecordKind } from "../../protocol/messages/telemetry-batch.ts";

export const STREAM = "a".repeat(32) as StreamId;

/** A record as a test writes it; what it leaves out has a value that does not matter. */
export interface Stored {
  readonly device?: string;
  readonly stream?: StreamId;
  readonly seq: number;
  readonly kind?: RecordKind;
  readonly receivedMs?: number;
  readonly backfill?: boolean;
  readonly fields?: RecordFields;
}

/** A database with these records; each stream's watermark is right behind its last one. */
export async function storeOf(path: string, records: readonly Stored[]): Promise<Store & AsyncDisposable> {
  const { store } = await openStore(path);
  await addTo(store, records);
  return Object.assign(store, { [Symbol.asyncDispose]: () => store.destroy() });
}

export async function addTo(store: Store, records: readonly Stored[]): Promise<void> {
  const rows = records.map(
    ({ device = "d1", stream = STREAM, seq, kind = "health", receivedMs = 1_000, backfill = false, fields = {} }) => ({
      device: device as DeviceId,
      stream,
      seq,
      at_ms: 500 + seq,
      received_ms: receivedMs,
      kind,
      backfill: backfill ? (1 as const) : (0 as const),
      fields_json: JSON.stringify(fields),
    }),
  );
  await store.transaction().execute((db) => insertTelemetry(db, rows));
  for (const { device, stream, seq, received_ms } of rows) {
    await store
      .insertInto("streams")
      .values({ device, stream, next: seq + 1, first_ms: received_ms, last_ms: received_ms })
      .onConflict((conflict) =>
        conflict.columns(["device", "stream"]).doUpdateSet({ next: seq + 1, last_ms: received_ms }),
      )
      .execute();
  }
}
