/** What has been added up already: minutes become hours, and hours end. */
import { sql } from "kysely";
import { RecordFieldsSchema } from "../../protocol/messages/telemetry-batch.ts";
import { InferenceSum } from "../../protocol/inference-sum.ts";
import { summable, type RecordSum } from "../../protocol/record-sum.ts";
import { gate } from "../../protocol/schema.ts";
import type { Store, StoreTransaction } from "../store/store.ts";
import type { TelemetryRollupsTable, TelemetryTable } from "../store/tables.ts";
import { addTotal } from "./fleet-inference.ts";
import type { Cutoffs } from "./retention.ts";
import { deleteRecords } from "./roll-up-records.ts";
import { mergeRollup, type RollupKey } from "./rollup-rows.ts";
import { HOUR_MS, MINUTE_MS } from "./spans.ts";

const check = gate("stored roll-up", RecordFieldsSchema);

/** Each takes up to `limit` rows in one transaction, and says whether there may be more. */
export type Slice = (store: Store, cutoffs: Cutoffs, limit: number) => Promise<boolean>;

interface RollupRow extends TelemetryRollupsTable {
  readonly rowid: number;
}

export const minutesToHours: Slice = (store, { minuteMs }, limit) =>
  store.transaction().execute(async (db) => {
    const rows = await oldestRollups(db, MINUTE_MS, minuteMs, limit);
    const hours = new Map<string, { key: RollupKey; sum: RecordSum; records: number }>();
    for (const { device, kind, at_ms, stream, subject, records, fields_json } of rows) {
      const fields = check(JSON.parse(fields_json));
      const atMs = Math.floor(at_ms / HOUR_MS) * HOUR_MS;
      const key: RollupKey = { device, kind, spanMs: HOUR_MS, atMs, stream, subject };
      const text = JSON.stringify(key);
      const sum = hours.get(text)?.sum ?? summable(kind, fields)?.begin();
      if (sum === undefined) throw new Error(`records of kind ${kind} were rolled up and cannot be`);
      sum.add(fields);
      hours.set(text, { key, sum, records: (hours.get(text)?.records ?? 0) + records });
    }
    for (const { key, sum, records } of hours.values()) await mergeRollup(db, key, sum, records);
    await deleteRollups(db, rows);
    return rows.length === limit;
  });

export const expireHours: Slice = (store, { hourMs }, limit) =>
  store.transaction().execute(async (db) => {
    const rows = await oldestRollups(db, HOUR_MS, hourMs, limit);
    await deleteRollups(db, rows);
    await countExpired(db, rows);
    return rows.length === limit;
  });

/** The same for what is added up over the fleet, which is a few rows a minute. */
export const coarsenTotals: Slice = (store, { minuteMs, hourMs }, limit) =>
  store.transaction().execute(async (db) => {
    const rows = await db
      .selectFrom("inference_totals")
      .selectAll()
      .where("span_ms", "=", MINUTE_MS)
      .where("at_ms", "<", minuteMs)
      .orderBy("at_ms")
      .limit(limit)
      .execute();
    for (const { slot, version, at_ms, fields_json } of rows) {
      const sum = new InferenceSum();
      sum.add(check(JSON.parse(fields_json)));
      const atMs = Math.floor(at_ms / HOUR_MS) * HOUR_MS;
      await addTotal(db, { slot, version, spanMs: HOUR_MS, atMs }, sum);
      await db
        .deleteFrom("inference_totals")
        .where("span_ms", "=", MINUTE_MS)
        .where("at_ms", "=", at_ms)
        .where("slot", "=", slot)
        .where("version", "=", version)
        .execute();
    }
    await db.deleteFrom("inference_totals").where("span_ms", "=", HOUR_MS).where("at_ms", "<", hourMs).execute();
    await db.deleteFrom("inference_devices").where("last_ms", "<", hourMs).execute();
    return rows.length === limit;
  });

/** Events, gaps, and what could not be added up. */
export const expireRecords: Slice = (store, { eventMs }, limit) =>
  store.transaction().execute(async (db) => {
    const { rows } = await sql<Pick<TelemetryTable, "device" | "stream"> & { readonly rowid: number }>`
      SELECT rowid, device, stream FROM telemetry WHERE received_ms < ${eventMs}
      ORDER BY received_ms LIMIT ${limit}`.execute(db);
    await deleteRecords(db, rows);
    await countExpired(
      db,
      rows.map((row) => ({ ...row, records: 1 })),
    );
    return rows.length === limit;
  });

async function oldestRollups(db: StoreTransaction, spanMs: number, beforeMs: number, limit: number) {
  const { rows } = await sql<RollupRow>`
    SELECT rowid, * FROM telemetry_rollups WHERE span_ms = ${spanMs} AND at_ms < ${beforeMs}
    ORDER BY at_ms LIMIT ${limit}`.execute(db);
  return rows;
}

async function deleteRollups(db: StoreTransaction, rows: readonly RollupRow[]): Promise<void> {
  const rowids = JSON.stringify(rows.map(({ rowid }) => rowid));
  await sql`DELETE FROM telemetry_rollups WHERE rowid IN (SELECT value FROM json_each(${rowids}))`.execute(db);
}

/** Counts what is deleted, in the transaction that deletes it. */
async function countExpired(
  db: StoreTransaction,
  expired: readonly Pick<RollupRow, "device" | "stream" | "records">[],
): Promise<void> {
  const streams = Map.groupBy(expired, ({ device, stream }) => `${device}/${stream}`);
  for (const parts of streams.values()) {
    const [first] = parts;
    if (first === undefined) continue;
    const records = parts.reduce((sum, part) => sum + part.records, 0);
    await sql`UPDATE streams SET expired = expired + ${records}
      WHERE device = ${first.device} AND stream = ${first.stream}`.execute(db);
  }
}
