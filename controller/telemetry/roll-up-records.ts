/** Records that are old enough, added up by the minute or hour in which they were made. */
import { sql } from "kysely";
import type { DeviceId, StreamId } from "../../protocol/ids.ts";
import { isRecordKind, RecordFieldsSchema } from "../../protocol/messages/telemetry-batch.ts";
import { ProtocolError } from "../../protocol/protocol-error.ts";
import { summable, type RecordSum } from "../../protocol/record-sum.ts";
import { gate } from "../../protocol/schema.ts";
import type { Store, StoreTransaction } from "../store/store.ts";
import { stretchOf, type Cutoffs } from "./retention.ts";
import { mergeRollup, type RollupKey } from "./rollup-rows.ts";

/** Where the next slice goes on: in the order in which records were stored. */
export interface RollUpCursor {
  readonly receivedMs: number;
  readonly rowid: number;
}

export const FROM_THE_START: RollUpCursor = { receivedMs: -1, rowid: -1 };

export interface RollUpSlice {
  readonly cursor: RollUpCursor;
  readonly rolled: number;
  /** True where there may be more. */
  readonly isFull: boolean;
}

interface Row {
  readonly rowid: number;
  readonly device: DeviceId;
  readonly stream: StreamId;
  readonly at_ms: number;
  readonly received_ms: number;
  readonly kind: string;
  readonly fields_json: string;
}

const check = gate("stored telemetry record", RecordFieldsSchema);

/**
 * Takes up to `limit` records after the cursor: in one transaction they become part of their sums and are deleted, so
 * that whatever happens each is in exactly one of the two. Events, gaps, and what cannot be read stay as they are.
 */
export async function rollUpRecords(
  store: Store,
  cursor: RollUpCursor,
  { cutoffs, limit }: { readonly cutoffs: Cutoffs; readonly limit: number },
): Promise<RollUpSlice> {
  return store.transaction().execute(async (db) => {
    const rows = await nextRows(db, cursor, cutoffs.rawMs, limit);
    const groups = new Map<string, { key: RollupKey; sum: RecordSum; records: number }>();
    const rolled: Row[] = [];
    for (const row of rows) if (addTo(groups, row, cutoffs)) rolled.push(row);
    for (const { key, sum, records } of groups.values()) await mergeRollup(db, key, sum, records);
    await deleteRecords(db, rolled);
    const last = rows.at(-1);
    return {
      cursor: last === undefined ? cursor : { receivedMs: last.received_ms, rowid: last.rowid },
      rolled: rolled.length,
      isFull: rows.length === limit,
    };
  });
}

async function nextRows(db: StoreTransaction, { receivedMs, rowid }: RollUpCursor, beforeMs: number, limit: number) {
  // The order of the index on `received_ms`, whose entries end with the rowid.
  const { rows } = await sql<Row>`
    SELECT rowid, device, stream, at_ms, received_ms, kind, fields_json FROM telemetry
    WHERE (received_ms, rowid) > (${receivedMs}, ${rowid}) AND received_ms < ${beforeMs}
    ORDER BY received_ms, rowid LIMIT ${limit}`.execute(db);
  return rows;
}

/** False for what is not added up. */
function addTo(
  groups: Map<string, { key: RollupKey; sum: RecordSum; records: number }>,
  { device, stream, kind, at_ms, fields_json }: Row,
  cutoffs: Cutoffs,
): boolean {
  if (!isRecordKind(kind)) return false;
  try {
    const fields = check(JSON.parse(fields_json));
    const summed = summable(kind, fields);
    if (summed === undefined) return false;
    const { spanMs, atMs } = stretchOf(at_ms, cutoffs);
    const key: RollupKey = { device, kind, spanMs, atMs, stream, subject: summed.subject };
    const text = JSON.stringify(key);
    const group = groups.get(text) ?? { key, sum: summed.begin(), records: 0 };
    group.sum.add(fields);
    group.records += 1;
    groups.set(text, group);
    return true;
  } catch (thrown) {
    if (thrown instanceof ProtocolError) return false;
    throw thrown;
  }
}

export async function deleteRecords(db: StoreTransaction, rows: readonly { readonly rowid: number }[]): Promise<void> {
  const rowids = JSON.stringify(rows.map(({ rowid }) => rowid));
  await sql`DELETE FROM telemetry WHERE rowid IN (SELECT value FROM json_each(${rowids}))`.execute(db);
}
