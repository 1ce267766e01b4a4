import type { Migration, Sqlite } from "../../common/sqlite.ts";
import type { StreamId } from "../../protocol/ids.ts";
import type { RecordKind } from "../../protocol/messages/telemetry-batch.ts";

/**
 * Every record of the database has a position that ascends for ever; a stream is a range of positions that begins at its
 * base, and a sequence number on the wire is position − base. So a new stream costs one row and moves nothing.
 */
export const OUTBOX_MIGRATIONS: readonly Migration[] = [
  `
  CREATE TABLE records (position INTEGER PRIMARY KEY, at_ms INTEGER NOT NULL, kind TEXT NOT NULL, fields TEXT NOT NULL);
  CREATE INDEX gaps ON records (position) WHERE kind = 'gap';
  CREATE TABLE streams (
    base INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, acked INTEGER NOT NULL, claimed INTEGER NOT NULL
  );
  CREATE TABLE state (
    one INTEGER PRIMARY KEY CHECK (one = 1), next INTEGER NOT NULL, reserved INTEGER NOT NULL, boot_id TEXT NOT NULL
  );
  INSERT INTO state VALUES (1, 0, 0, '');
  `,
];

export interface StreamRow {
  readonly base: number;
  readonly id: StreamId;
  /** The position before which the controller has everything. */
  readonly acked: number;
  /** The position before which records may have been sent: none of them is ever dropped for room. */
  readonly claimed: number;
}

export interface RecordRow {
  readonly position: number;
  readonly at_ms: number;
  readonly kind: RecordKind;
  /** JSON. */
  readonly fields: string;
}

export interface StateRow {
  /** The position of the next record. */
  readonly next: number;
  /** No position at or after this was ever given to a record, not even to one that a power cut took away. */
  readonly reserved: number;
  /** The boot in which this database was last written; empty after a clean close. */
  readonly boot_id: string;
}

export type DroppedRow = Pick<RecordRow, "position" | "at_ms">;

export type OutboxStatements = ReturnType<typeof prepareOutbox>;

export function prepareOutbox(database: Sqlite) {
  return {
    state: database.prepare<[], StateRow>("SELECT next, reserved, boot_id FROM state"),
    saveState: database.prepare<[StateRow]>("UPDATE state SET next = @next, reserved = @reserved, boot_id = @boot_id"),
    streams: database.prepare<[], StreamRow>("SELECT base, id, acked, claimed FROM streams ORDER BY base"),
    saveStream: database.prepare<[StreamRow]>(
      `INSERT INTO streams (base, id, acked, claimed) VALUES (@base, @id, @acked, @claimed)
       ON CONFLICT (base) DO UPDATE SET acked = @acked, claimed = @claimed`,
    ),
    deleteStream: database.prepare<[number]>("DELETE FROM streams WHERE base = ?"),
    insert: database.prepare<[number, number, RecordKind, string]>("INSERT INTO records VALUES (?, ?, ?, ?)"),
    range: database.prepare<[number, number, number], RecordRow>(
      "SELECT position, at_ms, kind, fields FROM records WHERE position >= ? AND position < ? ORDER BY position LIMIT ?",
    ),
    forget: database.prepare<[number, number]>("DELETE FROM records WHERE position >= ? AND position < ?"),
    usedBytes: database
      .prepare<[], number>(
        "SELECT (page_count - freelist_count) * page_size FROM pragma_page_count, pragma_freelist_count, pragma_page_size",
      )
      .pluck(),
    dropMeasurements: database.prepare<[number, number, number], DroppedRow>(
      dropSql("kind IN ('health', 'inference')"),
    ),
    dropEvents: database.prepare<[number, number, number], DroppedRow>(dropSql("kind = 'event'")),
    gapsFrom: database.prepare<[number], RecordRow>(
      "SELECT position, at_ms, kind, fields FROM records WHERE kind = 'gap' AND position >= ? ORDER BY position",
    ),
    deleteOne: database.prepare<[number]>("DELETE FROM records WHERE position = ?"),
  };
}

function dropSql(which: string): string {
  return `DELETE FROM records WHERE position IN (
    SELECT position FROM records WHERE position >= ? AND position < ? AND ${which} ORDER BY position LIMIT ?
  ) RETURNING position, at_ms`;
}
