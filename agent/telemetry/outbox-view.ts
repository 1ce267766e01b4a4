/** What an outbox holds, read from its file beside whoever writes it: for people on the device. */
import { openReadOnly, type Sqlite } from "../../common/sqlite.ts";
import type { StreamId } from "../../protocol/ids.ts";
import type { RecordFields, RecordKind, TelemetryRecord } from "../../protocol/messages/telemetry-batch.ts";

export interface OutboxView {
  /** Of records, in database pages; the file itself does not shrink. */
  readonly usedBytes: number;
  readonly kinds: readonly HeldKind[];
  /** Oldest first; the last one takes the new records. */
  readonly streams: readonly HeldStream[];
  /** Records that stand for several. */
  readonly rolledUp: number;
}

export interface HeldKind {
  readonly kind: RecordKind;
  readonly records: number;
  /** Of JSON. */
  readonly bytes: number;
  /** By the device's clock. */
  readonly oldestMs: number;
  readonly newestMs: number;
}

export interface HeldStream {
  readonly stream: StreamId;
  /** Numbers that the controller has not acknowledged. */
  readonly pending: number;
}

export interface HeldRecord extends TelemetryRecord {
  readonly stream: StreamId;
}

/** Throws what SQLite says. */
export function viewOutbox(path: string): OutboxView {
  return reading(path, (database) => ({
    usedBytes:
      database
        .prepare<[], number>(
          "SELECT (page_count - freelist_count) * page_size FROM pragma_page_count, pragma_freelist_count, pragma_page_size",
        )
        .pluck()
        .get() ?? 0,
    kinds: database
      .prepare<[], HeldKind>(
        `SELECT kind, count(*) AS records, sum(length(CAST(fields AS BLOB))) AS bytes, min(at_ms) AS oldestMs, max(at_ms) AS newestMs
         FROM records GROUP BY kind ORDER BY kind`,
      )
      .all(),
    streams: database
      .prepare<[], HeldStream>(
        "SELECT id AS stream, coalesce(sealed, (SELECT next FROM state)) - acked AS pending FROM streams ORDER BY base",
      )
      .all(),
    rolledUp: database.prepare<[], number>("SELECT count(*) FROM records WHERE span_ms > 0").pluck().get() ?? 0,
  }));
}

interface Row {
  readonly stream: StreamId;
  readonly seq: number;
  readonly atMs: number;
  readonly kind: RecordKind;
  readonly fields: string;
}

/** Every record, oldest first, one at a time: an outbox may hold 300,000. Throws what SQLite says. */
export function exportOutbox(path: string, take: (record: HeldRecord) => void): void {
  reading(path, (database) => {
    const rows = database
      .prepare<[], Row>(
        `SELECT s.id AS stream, r.position - s.base AS seq, r.at_ms AS atMs, r.kind, r.fields
         FROM records AS r JOIN streams AS s ON s.base = (SELECT max(base) FROM streams WHERE base <= r.position)
         ORDER BY r.position`,
      )
      .iterate();
    // This program wrote it, through `RecordSink`.
    for (const { fields, ...row } of rows) take({ ...row, fields: JSON.parse(fields) as RecordFields });
  });
}

function reading<T>(path: string, read: (database: Sqlite) => T): T {
  const database = openReadOnly(path);
  try {
    // One moment for all of it, whatever the agent writes meanwhile.
    return database.transaction(() => read(database))();
  } finally {
    database.close();
  }
}
