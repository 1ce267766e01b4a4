import type { Migration, Sqlite } from "../../common/sqlite.ts";
import type { StreamId } from "../../protocol/ids.ts";
import type { RecordKind } from "../../protocol/messages/telemetry-batch.ts";
import { RANK, type Rank } from "./rank.ts";

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
  `
  ALTER TABLE records ADD COLUMN rank INTEGER NOT NULL DEFAULT 0;
  ALTER TABLE records ADD COLUMN span_ms INTEGER NOT NULL DEFAULT 0;
  UPDATE records SET rank = CASE kind WHEN 'event' THEN 1 ELSE 3 END WHERE kind IN ('event', 'gap');
  CREATE INDEX measurements ON records (span_ms, position) WHERE rank = 0;
  CREATE INDEX events ON records (rank, position) WHERE rank IN (1, 2);
  ALTER TABLE state ADD COLUMN life_id TEXT NOT NULL DEFAULT '';
  ALTER TABLE state ADD COLUMN life_from INTEGER NOT NULL DEFAULT 0;
  `,
  `
  ALTER TABLE streams ADD COLUMN sealed INTEGER;
  UPDATE streams SET sealed = (SELECT min(later.base) FROM streams AS later WHERE later.base > streams.base);
  `,
  "ALTER TABLE records ADD COLUMN boot_ms INTEGER",
];

export interface StreamRow {
  readonly base: number;
  readonly id: StreamId;
  /** The position before which the controller has everything. */
  readonly acked: number;
  /** The position before which records may have been sent: none of them is ever dropped for room. */
  readonly claimed: number;
  /** The position after its last one; null for the stream that takes the new records. The ones after it may be gone already. */
  readonly sealed: number | null;
}

/** The position after the last one of a stream; `next` is the position of the next record of all. */
export function endOf({ sealed }: StreamRow, next: number): number {
  return sealed ?? next;
}

export interface RecordRow {
  readonly position: number;
  readonly at_ms: number;
  /** The clock that runs since the boot, when the record was made; null in records of an earlier version. */
  readonly boot_ms: number | null;
  readonly kind: RecordKind;
  /** JSON. */
  readonly fields: string;
}

/** A record that has no position yet. */
export interface NewRecord extends Omit<RecordRow, "position"> {
  readonly rank: Rank;
}

export interface StateRow {
  /** The position of the next record. */
  readonly next: number;
  /** No position at or after this was ever given to a record, not even to one that a power cut took away. */
  readonly reserved: number;
  /** The boot in which this database was last written; empty after a clean close. */
  readonly boot_id: string;
  /** See `StreamLife`; empty once the controller has heard it, so that the next start begins another. */
  readonly life_id: string;
  /** The first position that was given away in this life. */
  readonly life_from: number;
}

export type DroppedRow = Pick<RecordRow, "position" | "at_ms" | "fields">;

export type OutboxStatements = ReturnType<typeof prepareOutbox>;

export function prepareOutbox(database: Sqlite) {
  return {
    state: database.prepare<[], StateRow>("SELECT next, reserved, boot_id, life_id, life_from FROM state"),
    saveState: database.prepare<[StateRow]>(
      `UPDATE state SET next = @next, reserved = @reserved, boot_id = @boot_id, life_id = @life_id, life_from = @life_from`,
    ),
    streams: database.prepare<[], StreamRow>("SELECT base, id, acked, claimed, sealed FROM streams ORDER BY base"),
    saveStream: database.prepare<[StreamRow]>(
      `INSERT INTO streams (base, id, acked, claimed, sealed) VALUES (@base, @id, @acked, @claimed, @sealed)
       ON CONFLICT (base) DO UPDATE SET acked = @acked, claimed = @claimed, sealed = @sealed`,
    ),
    deleteStream: database.prepare<[number]>("DELETE FROM streams WHERE base = ?"),
    /** By place: to look parameters up by their names takes longer than to bind them. */
    insert: database.prepare<[number, number, number | null, RecordKind, string, Rank]>(
      "INSERT INTO records (position, at_ms, boot_ms, kind, fields, rank) VALUES (?, ?, ?, ?, ?, ?)",
    ),
    range: database.prepare<[number, number, number], RecordRow>(
      `SELECT position, at_ms, boot_ms, kind, fields FROM records
       WHERE position >= ? AND position < ? ORDER BY position LIMIT ?`,
    ),
    forget: database.prepare<[number, number]>("DELETE FROM records WHERE position >= ? AND position < ?"),
    usedBytes: database
      .prepare<[], number>(
        "SELECT (page_count - freelist_count) * page_size FROM pragma_page_count, pragma_freelist_count, pragma_page_size",
      )
      .pluck(),
    /** The oldest measurement in a range that stands for so long a stretch; 0: as it was measured. */
    firstOfSpan: database
      .prepare<[number, number, number], number>(
        `SELECT position FROM records WHERE rank = ${String(RANK.measurement)} AND span_ms = ? AND position >= ? AND position < ?
         ORDER BY position LIMIT 1`,
      )
      .pluck(),
    /** Measurements of a range that stand for at most so long a stretch. */
    measurements: database.prepare<[number, number, number, number], RecordRow>(
      `SELECT position, at_ms, boot_ms, kind, fields FROM records
       WHERE rank = ${String(RANK.measurement)} AND position >= ? AND position < ? AND span_ms <= ? ORDER BY position LIMIT ?`,
    ),
    setSpan: database.prepare<[number, number]>("UPDATE records SET span_ms = ? WHERE position = ?"),
    setFields: database.prepare<[string, number]>("UPDATE records SET fields = ? WHERE position = ?"),
    firstOfRank: database
      .prepare<[number, number, number], number>(
        "SELECT position FROM records WHERE rank = ? AND rank IN (1, 2) AND position >= ? AND position < ? LIMIT 1",
      )
      .pluck(),
    /** The oldest of a rank in a range. */
    drop: database.prepare<[number, number, number, number], DroppedRow>(
      `DELETE FROM records WHERE position IN (
         SELECT position FROM records WHERE rank = ? AND position >= ? AND position < ? ORDER BY position LIMIT ?
       ) RETURNING position, at_ms, fields`,
    ),
    gapsFrom: database.prepare<[number], RecordRow>(
      `SELECT position, at_ms, boot_ms, kind, fields FROM records
       WHERE kind = 'gap' AND position >= ? ORDER BY position`,
    ),
    deleteOne: database.prepare<[number]>("DELETE FROM records WHERE position = ?"),
  };
}
