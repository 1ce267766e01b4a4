import type { DeviceId, StreamId } from "../../protocol/ids.ts";
import type { RecordFields, TelemetryRecord } from "../../protocol/messages/telemetry-batch.ts";
import type { StoreTransaction } from "../store/store.ts";

/**
 * The first of these records, which are here already by their numbers, that is here with another content: the device was
 * set back to an older state and gives numbers away again. Undefined where there is none, or none can be compared any more.
 */
export async function findReuse(
  db: StoreTransaction,
  device: DeviceId,
  stream: StreamId,
  again: readonly TelemetryRecord[],
): Promise<TelemetryRecord | undefined> {
  const [first, last] = [again.at(0), again.at(-1)];
  if (first === undefined || last === undefined) return undefined;
  const rows = await db
    .selectFrom("telemetry")
    .select(["seq", "kind", "fields_json"])
    .where("device", "=", device)
    .where("stream", "=", stream)
    .where("seq", ">=", first.seq)
    .where("seq", "<=", last.seq)
    .execute();
  const stored = new Map(rows.map((row) => [row.seq, row]));
  return again.find(({ seq, kind, fields }) => {
    const row = stored.get(seq);
    return (
      row !== undefined &&
      (row.kind !== kind || ordered(JSON.parse(row.fields_json) as RecordFields) !== ordered(fields))
    );
  });
}

/** The order of fields depends on which other records were in the batch. */
function ordered(fields: RecordFields): string {
  return JSON.stringify(Object.entries(fields).sort(([a], [b]) => (a < b ? -1 : 1)));
}
