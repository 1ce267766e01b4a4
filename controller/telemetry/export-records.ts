/** Telemetry as a stream for other programs, a page in memory at a time. */
import { setImmediate as turn } from "node:timers/promises";
import { sql } from "kysely";
import type { DeviceId, StreamId } from "../../protocol/ids.ts";
import { RecordFieldsSchema, type RecordFields } from "../../protocol/messages/telemetry-batch.ts";
import { gate } from "../../protocol/schema.ts";
import type { Store } from "../store/store.ts";

export interface ExportFilter {
  readonly device?: DeviceId;
  readonly kind?: string;
  /** Of records that are about a model. */
  readonly slot?: string;
  /** By the records' own times. */
  readonly fromMs?: number;
  readonly toMs?: number;
}

export interface ExportedRecord {
  readonly device: DeviceId;
  readonly atMs: number;
  /** 0: a record as it came; otherwise how long the stretch is that it sums up from `atMs` on. */
  readonly spanMs: number;
  readonly kind: string;
  readonly stream: StreamId;
  /** Absent of a sum. */
  readonly seq?: number;
  /** Records that it sums up; 1 for one as it came. */
  readonly records: number;
  readonly fields: RecordFields;
}

/** Some hundred kilobytes. */
const PAGE_ROWS = 1_000;

const check = gate("stored telemetry record", RecordFieldsSchema);

interface Row {
  readonly at_ms: number;
  readonly span_ms: number;
  readonly kind: string;
  readonly stream: StreamId;
  readonly seq: number | null;
  readonly records: number;
  readonly subject: string;
  readonly fields_json: string;
}

/**
 * Device by device, what was added up first. What comes or ages while it runs may be in it or not, and is in it twice only
 * where it was added up meanwhile: give a `toMs` in the past and take it while nothing ages, for figures that must agree.
 */
export async function* exportRecords(store: Store, filter: ExportFilter): AsyncGenerator<ExportedRecord> {
  const devices =
    filter.device === undefined
      ? (await store.selectFrom("streams").select("device").distinct().orderBy("device").execute()).map(
          (row) => row.device,
        )
      : [filter.device];
  for (const device of devices) {
    for (const source of SOURCES) yield* recordsOf(store, source, device, filter);
  }
}

/** Each table with the rest of its primary key, which pages follow, and what the other one has and it has not. */
const SOURCES = [
  { table: "telemetry_rollups", order: ["kind", "span_ms", "at_ms", "stream", "subject"], own: "NULL AS seq" },
  { table: "telemetry", order: ["stream", "seq"], own: "0 AS span_ms, 1 AS records, '' AS subject" },
] as const;
type Source = (typeof SOURCES)[number];

async function* recordsOf(
  store: Store,
  { table, order, own }: Source,
  device: DeviceId,
  { kind, slot, fromMs = 0, toMs = Number.MAX_SAFE_INTEGER }: ExportFilter,
): AsyncGenerator<ExportedRecord> {
  const key = sql.join(order.map((column) => sql.ref(column)));
  const ofKind = kind === undefined ? sql`` : sql`AND kind = ${kind}`;
  const ofSlot = slot === undefined ? sql`` : sql`AND fields_json ->> '$.slot' = ${slot}`;
  let beyond = sql``;
  for (;;) {
    const { rows } = await sql<Row>`
      SELECT *, ${sql.raw(own)} FROM ${sql.table(table)}
      WHERE device = ${device} ${beyond} AND at_ms >= ${fromMs} AND at_ms < ${toMs} ${ofKind} ${ofSlot}
      ORDER BY ${key} LIMIT ${PAGE_ROWS}`.execute(store);
    for (const { at_ms: atMs, span_ms: spanMs, kind, stream, seq, records, fields_json } of rows) {
      const fields = check(JSON.parse(fields_json));
      yield { device, atMs, spanMs, kind, stream, ...(seq === null ? {} : { seq }), records, fields };
    }
    const last = rows.at(-1);
    if (last === undefined || rows.length < PAGE_ROWS) return;
    beyond = sql`AND (${key}) > (${sql.join(order.map((column) => last[column]))})`;
    // SQLite answers at once: without this, a long export would hold up everything else.
    await turn();
  }
}
