import { CompiledQuery, type Insertable, type Transaction } from "kysely";
import type { Tables, TelemetryTable } from "../store/tables.ts";

export type TelemetryRow = Insertable<TelemetryTable>;

/**
 * Rows of one INSERT, so that three statements serve any number of rows and stay prepared. More than 100 gain nothing, and
 * databases bound the parameters of one statement (SQLite: 32,766).
 */
const INSERT_ROWS = [100, 10, 1] as const;

const COLUMNS = ["device", "stream", "seq", "at_ms", "received_ms", "kind", "backfill", "fields_json"] as const;

/** The statement for so many rows, written once: building it takes longer than running it. */
const statements = new Map<number, string>();

/** Inserts what is not there yet; a row that is there stays as it is. Gives the number of rows that were new. */
export async function insertTelemetry(db: Transaction<Tables>, rows: readonly TelemetryRow[]): Promise<number> {
  let inserted = 0;
  let at = 0;
  for (const count of INSERT_ROWS) {
    for (; at + count <= rows.length; at += count) {
      const some = rows.slice(at, at + count);
      const parameters: unknown[] = [];
      for (const row of some) for (const column of COLUMNS) parameters.push(row[column]);
      const result = await db.executeQuery(CompiledQuery.raw(statementFor(db, some), parameters));
      inserted += Number(result.numAffectedRows ?? 0);
    }
  }
  return inserted;
}

function statementFor(db: Transaction<Tables>, rows: readonly TelemetryRow[]): string {
  const known = statements.get(rows.length);
  if (known !== undefined) return known;
  const ordered = rows.map((row) => Object.fromEntries(COLUMNS.map((column) => [column, row[column]])) as TelemetryRow);
  const { sql } = db
    .insertInto("telemetry")
    .columns(COLUMNS)
    .values(ordered)
    .onConflict((conflict) => conflict.columns(["device", "stream", "seq"]).doNothing())
    .compile();
  statements.set(rows.length, sql);
  return sql;
}
