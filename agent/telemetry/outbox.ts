import { uptime } from "node:os";
import { basename } from "node:path";
import type { Clock } from "../../common/clock.ts";
import { FerryError, messageOf, systemCodeOf } from "../../common/ferry-error.ts";
import type { Log } from "../../common/log.ts";
import { isDamage, openSqlite, type OpenedSqlite } from "../../common/sqlite.ts";
import type { StreamId } from "../../protocol/ids.ts";
import {
  CELL_CHARS_MAX,
  FIELD_NAME_CHARS_MAX,
  type RecordFields,
  type RecordRange,
} from "../../protocol/messages/telemetry-batch.ts";
import type { GapCause } from "../../protocol/messages/telemetry-gap.ts";
import { readBootId } from "./boot-id.ts";
import { readDamagedStreams } from "./damaged-streams.ts";
import { recordEvent, type RecordSink } from "./event.ts";
import { currentOf, openJournal, type Loss } from "./outbox-journal.ts";
import { endOf, OUTBOX_MIGRATIONS, type NewRecord, type RecordRow, type StreamRow } from "./outbox-tables.ts";
import type { CondenseRange } from "./outbox-capacity.ts";
import { rankOf } from "./rank.ts";
import { datedMs } from "./dated.ts";

/**
 * What a device measured and the controller does not have yet, in a SQLite file. Every record gets the next sequence
 * number of a stream; each number is later received by the controller or declared in a gap record, never both.
 */
export interface Outbox extends RecordSink, AsyncDisposable {
  /** The stream to which records go at present. */
  readonly stream: StreamId;
  /** Numbers given away in that stream. */
  readonly produced: number;
  /** Those of them that the controller has not acknowledged. */
  readonly pending: number;
  /** Records in memory that the disk has not taken: these alone a kill would lose, without a number. */
  readonly unwritten: number;
  /** Every stream with something to send, oldest first; the last one is the current one. */
  readonly lanes: () => readonly OutboxLane[];
  /**
   * The records from `from` on, ascending, marked so that they are never dropped for room from here on. Undefined where
   * there are none, or where the disk cannot be asked at present.
   */
  readonly read: (stream: StreamId, from: number, limits: ReadLimits) => OutboxRange | undefined;
  /** Deletes what comes before `next`; nothing where the stream or the number was never sent from here. */
  readonly forgetThrough: (stream: StreamId, next: number) => "forgotten" | "unknown-stream" | "never-sent";
  /** Whether there is an event or evidence at or after this number. */
  readonly hasEvent: (stream: StreamId, from: number) => boolean;
  /**
   * Rolls up what the stream has not sent yet, by stretches of `spanMs`, and declares the numbers that this saves. False
   * where there is more to do, or the disk refuses: call it again before reading.
   */
  readonly condense: (stream: StreamId, range: Pick<CondenseRange, "spanMs" | "reduce">) => boolean;
  /**
   * The records of this life get another stream, as a controller asks for that has heard another copy of this device go on
   * with this one. False where the stream or the number is not this life's: somebody else's answer.
   */
  readonly leaveStream: (stream: StreamId, from: number) => boolean;
  /** Seals the current stream: later records need not wait for those before them. */
  readonly beginStream: () => void;
  /** Writes what was appended in this turn of the event loop; happens by itself at the end of the turn. */
  readonly flush: () => void;
}

export interface OutboxLane {
  readonly stream: StreamId;
  /** The first number that the controller has not acknowledged. */
  readonly acked: number;
  /** The number after the last one. */
  readonly end: number;
}

export type OutboxRange = Omit<RecordRange, "backfill">;

export interface ReadLimits {
  readonly recordsMax: number;
  /** Of JSON: more than the same records take on the wire. */
  readonly bytesMax: number;
}

export interface OutboxOptions {
  readonly clock: Clock;
  readonly log: Log;
  /** How large the records may grow, in bytes of database pages. */
  readonly capBytes?: number;
  /** Tells a restart of the machine from one of the agent. */
  readonly bootId?: string;
  /** Milliseconds since the machine started, sleep included; never jumps. */
  readonly bootMs?: () => number;
  /** The time, where somebody who is trusted has told it; records of this start of the agent are dated by it when they are sent. */
  readonly trustedNowMs?: () => number | undefined;
}

/** About 300,000 records: ten weeks without a connection at one every 20 s. */
export const OUTBOX_CAP_BYTES = 64 * 1024 ** 2;
/** Holds what may be in flight, and some. */
const CAP_BYTES_MIN = 1024 ** 2;
/** How many steps of its schema this program knows. */
export const OUTBOX_SCHEMA = OUTBOX_MIGRATIONS.length;
/** One record as JSON: with others it still fits a batch. */
const RECORD_BYTES_MAX = 16_384;
const SQLITE = { migrations: OUTBOX_MIGRATIONS, durability: "normal" } as const;
/** What waits in memory for the end of the turn, or for a disk that is full. */
const BUFFERED_RECORDS_MAX = 1_000;
/** How soon to ask a disk again that refused. */
const DISK_RETRY_MS = 1_000;
/** Trouble with the disk is logged this often at most. */
const LOG_EVERY_MS = 60_000;

/** Throws FerryError where the file cannot be opened at all. A damaged one is moved aside and its loss declared. */
export function openOutbox(path: string, options: OutboxOptions): Outbox {
  const { clock, log, capBytes = OUTBOX_CAP_BYTES, bootId = readBootId() } = options;
  const { bootMs = () => uptime() * 1_000, trustedNowMs = () => undefined } = options;
  if (!(capBytes >= CAP_BYTES_MIN)) {
    throw new FerryError("bad-config", `The telemetry outbox is limited to ${capBytes} bytes, which is too few`, {
      hint: `Allow it at least ${CAP_BYTES_MIN} bytes (1 MiB).`,
    });
  }
  const opened = openOrBegin(path);
  let { database } = opened;
  let journal = openJournal(database, { clock, capBytes, bootId, bootMs });
  let openedAt = journal.next;
  const buffer: NewRecord[] = [];
  const losses = new Map<GapCause, Loss>();
  let flushing: NodeJS.Immediate | undefined;
  /** Asked once in a turn: to read the machine's uptime takes longer than all the rest of an append. */
  let turnBootMs: number | undefined;
  let retryAtMs = -Infinity;
  let loggedMs = -Infinity;

  /** A disk that refuses is an operating condition: tell people, try again later, lose nothing silently. */
  function guarded<T>(what: string, work: () => T): T | undefined {
    try {
      // Where another file could not be begun: the disk may have room for it by now.
      if (!database.open) beginAnew();
      return database.open ? work() : undefined;
    } catch (error) {
      if (systemCodeOf(error)?.startsWith("SQLITE_") !== true) throw error;
      retryAtMs = clock.monotonicMs() + DISK_RETRY_MS;
      if (isDamage(error)) beginAnew();
      if (clock.monotonicMs() - loggedMs >= LOG_EVERY_MS) {
        loggedMs = clock.monotonicMs();
        log.error({ path, error: messageOf(error), code: systemCodeOf(error) }, `the telemetry outbox cannot ${what}`);
      }
      return undefined;
    }
  }

  /** What waits in memory goes into the other file; the numbers of the damaged one are lost with it, and declared. */
  function beginAnew(): void {
    const damaged = database;
    try {
      damaged.close();
      const { damagedFile = path, ...other } = openSqlite(path, { ...SQLITE, isKnownDamaged: true });
      ({ database } = other);
      journal = openJournal(database, { clock, capBytes, bootId, bootMs });
      openedAt = 0;
      retryAtMs = -Infinity;
      declareDamage(damagedFile);
    } catch (error) {
      retryAtMs = clock.monotonicMs() + DISK_RETRY_MS;
      log.error({ path, error: messageOf(error) }, "the telemetry outbox is damaged, and no other one can be begun");
    }
  }

  function flush(): void {
    clearImmediate(flushing);
    flushing = undefined;
    turnBootMs = undefined;
    if ((buffer.length === 0 && losses.size === 0) || clock.monotonicMs() < retryAtMs) return;
    guarded("write", () => {
      journal.write(buffer, [...losses.values()]);
      buffer.length = 0;
      losses.clear();
    });
  }

  function append(record: NewRecord): void {
    if (buffer.length >= BUFFERED_RECORDS_MAX) flush();
    if (buffer.length >= BUFFERED_RECORDS_MAX) {
      const least = Math.min(...buffer.map(({ rank }) => rank));
      const at = buffer.findIndex(({ rank }) => rank === least);
      for (const lost of buffer.splice(at, 1)) lose("disk", lost.at_ms);
    }
    buffer.push(record);
    flushing ??= setImmediate(flush);
  }

  function lose(cause: GapCause, atMs: number): void {
    const { count, fromMs, toMs } = losses.get(cause) ?? { count: 0, fromMs: atMs, toMs: atMs };
    losses.set(cause, { cause, count: count + 1, fromMs: Math.min(fromMs, atMs), toMs: Math.max(toMs, atMs) });
    flushing ??= setImmediate(flush);
  }

  const find = (stream: StreamId) => journal.streams.find((row) => row.id === stream);

  const outbox: Outbox = {
    get stream() {
      return currentOf(journal.streams).id;
    },
    get produced() {
      return journal.next - currentOf(journal.streams).base;
    },
    get pending() {
      return journal.next - currentOf(journal.streams).acked;
    },
    get unwritten() {
      return [...losses.values()].reduce((sum, { count }) => sum + count, buffer.length);
    },
    lanes: () => journal.streams.map((row) => laneOf(row, journal.next)),
    append: (kind, fields) => {
      const atMs = Math.round(clock.nowMs());
      const text = fieldsText(fields);
      if (text === undefined) lose("oversize", atMs);
      else {
        turnBootMs ??= Math.round(bootMs());
        append({ kind, at_ms: atMs, boot_ms: turnBootMs, fields: text, rank: rankOf(kind, fields) });
      }
    },
    read: (stream, from, { recordsMax, bytesMax }) => {
      const row = find(stream);
      if (row === undefined) return undefined;
      return guarded("read", () => {
        const end = endOf(row, journal.next);
        if (row.base + from >= end) return undefined;
        const rows = journal.rows(row.base + from, end, recordsMax);
        const taken = rows.slice(0, countWithin(rows, bytesMax));
        const last = taken.at(-1);
        const isAll = last === undefined || (taken.length === rows.length && rows.length < recordsMax);
        const next = isAll ? end : last.position + 1;
        journal.claim(row, next);
        const now = { bootMs: bootMs(), trustedMs: trustedNowMs() };
        const records = taken.map((record) => ({
          seq: record.position - row.base,
          // What an earlier start measured may be of another boot, whose clock is gone.
          atMs: record.position >= openedAt ? datedMs(record, now) : record.at_ms,
          kind: record.kind,
          fields: JSON.parse(record.fields) as RecordFields,
        }));
        const life = journal.lifeIn(row);
        return { stream, acked: row.acked - row.base, from, next: next - row.base, life, records };
      });
    },
    hasEvent: (stream, from) => {
      const row = find(stream);
      return row !== undefined && guarded("read", () => journal.hasEvent(row, row.base + from)) === true;
    },
    condense: (stream, range) => {
      const row = find(stream);
      return row !== undefined && guarded("roll up", () => journal.condense(row, range)) === true;
    },
    forgetThrough: (stream, next) => {
      const row = find(stream);
      if (row === undefined) return "unknown-stream";
      if (row.base + next > row.claimed) return "never-sent";
      if (row.base + next > row.acked)
        guarded("delete", () => {
          journal.forget(row, row.base + next);
        });
      return "forgotten";
    },
    leaveStream: (stream, from) => {
      flush();
      const row = find(stream);
      return row !== undefined && guarded("leave a stream", () => journal.leave(row, from)) === true;
    },
    beginStream: () => {
      flush();
      guarded("begin a stream", journal.beginStream);
    },
    flush,
    [Symbol.asyncDispose]: async () => {
      retryAtMs = -Infinity;
      flush();
      if (buffer.length > 0) log.error({ path, records: buffer.length }, "telemetry lost: the disk took no more");
      if (database.open) guarded("close", journal.close);
      retryAtMs = Infinity;
      await Promise.resolve(database.close());
    },
  };
  if (opened.damagedFile !== undefined) declareDamage(opened.damagedFile);
  return outbox;

  function declareDamage(file: string): void {
    log.error({ path, movedTo: file }, "the telemetry outbox was damaged; a new one is begun");
    recordEvent(outbox, "database-damaged", { file: basename(file) });
    flush();
    guarded("write", () => {
      journal.declareUnknown("database-damaged", readDamagedStreams(file));
    });
  }
}

function laneOf(row: StreamRow, next: number): OutboxLane {
  return { stream: row.id, acked: row.acked - row.base, end: endOf(row, next) - row.base };
}

/** How many of the rows stay within the bytes; at least one. */
function countWithin(rows: readonly RecordRow[], bytesMax: number): number {
  let bytes = 0;
  const over = rows.findIndex((row) => (bytes += row.fields.length) > bytesMax);
  return over < 0 ? rows.length : Math.max(1, over);
}

/** JSON in which every cell is one that a batch may carry; undefined where that cannot be. NaN and infinities become null. */
function fieldsText(fields: RecordFields): string | undefined {
  const text = JSON.stringify(fields);
  if (Object.keys(fields).some((name) => name.length > FIELD_NAME_CHARS_MAX)) return undefined;
  const clipped = text.length <= CELL_CHARS_MAX ? text : JSON.stringify(fields, clipText);
  return Buffer.byteLength(clipped) > RECORD_BYTES_MAX ? undefined : clipped;
}

function clipText(_name: string, value: unknown): unknown {
  return typeof value === "string" && value.length > CELL_CHARS_MAX ? value.slice(0, CELL_CHARS_MAX) : value;
}

/** A file of a newer agent that was taken back cannot be read: it is kept aside, and its loss declared. */
function openOrBegin(path: string): OpenedSqlite {
  try {
    return openSqlite(path, SQLITE);
  } catch (thrown) {
    if (!(thrown instanceof FerryError) || thrown.code !== "database-newer") throw thrown;
    return openSqlite(path, { ...SQLITE, isKnownDamaged: true });
  }
}
