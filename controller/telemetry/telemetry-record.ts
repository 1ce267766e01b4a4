import { gate } from "../../protocol/schema.ts";
import { RecordFieldsSchema, type RecordFields } from "../../protocol/messages/telemetry-batch.ts";
import type { DeviceId, StreamId } from "../../protocol/ids.ts";
import type { Selectable } from "kysely";
import type { TelemetryTable } from "../store/tables.ts";

/** One record as the controller keeps it. */
export interface StoredRecord {
  readonly device: DeviceId;
  readonly stream: StreamId;
  readonly seq: number;
  /** The device's clock. */
  readonly atMs: number;
  /** This controller's clock. */
  readonly receivedMs: number;
  /** A RecordKind, or one of a later version of the wire. */
  readonly kind: string;
  /** True where it waited on the device for a connection. */
  readonly backfill: boolean;
  readonly fields: RecordFields;
}

const check = gate("stored telemetry record", RecordFieldsSchema);

export function storedRecordOf(row: Selectable<TelemetryTable>): StoredRecord {
  const { device, stream, seq, at_ms: atMs, received_ms: receivedMs, kind, backfill, fields_json } = row;
  const fields = check(JSON.parse(fields_json));
  return { device, stream, seq, atMs, receivedMs, kind, backfill: backfill === 1, fields };
}
