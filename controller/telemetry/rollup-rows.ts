import { sql } from "kysely";
import type { DeviceId, StreamId } from "../../protocol/ids.ts";
import { RecordFieldsSchema, type RecordKind } from "../../protocol/messages/telemetry-batch.ts";
import type { RecordSum } from "../../protocol/record-sum.ts";
import { gate } from "../../protocol/schema.ts";
import type { StoreTransaction } from "../store/store.ts";

export interface RollupKey {
  readonly device: DeviceId;
  readonly kind: RecordKind;
  readonly spanMs: number;
  readonly atMs: number;
  readonly stream: StreamId;
  readonly subject: string;
}

const check = gate("stored roll-up", RecordFieldsSchema);

/** Adds a sum of so many records to the row of its stretch, which is made where it is not there. Changes `sum`. */
export async function mergeRollup(
  db: StoreTransaction,
  { device, kind, spanMs, atMs, stream, subject }: RollupKey,
  sum: RecordSum,
  records: number,
): Promise<void> {
  const { rows } = await sql<{ fields_json: string }>`
    SELECT fields_json FROM telemetry_rollups WHERE device = ${device} AND kind = ${kind} AND span_ms = ${spanMs}
      AND at_ms = ${atMs} AND stream = ${stream} AND subject = ${subject}`.execute(db);
  for (const { fields_json } of rows) sum.add(check(JSON.parse(fields_json)));
  const fields = JSON.stringify(sum.toFields());
  await sql`
    INSERT INTO telemetry_rollups (device, kind, span_ms, at_ms, stream, subject, records, fields_json)
    VALUES (${device}, ${kind}, ${spanMs}, ${atMs}, ${stream}, ${subject}, ${records}, ${fields})
    ON CONFLICT (device, kind, span_ms, at_ms, stream, subject)
    DO UPDATE SET records = records + excluded.records, fields_json = excluded.fields_json`.execute(db);
}
