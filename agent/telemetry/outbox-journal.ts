import { randomBytes } from "node:crypto";
import type { Clock } from "../../common/clock.ts";
import type { Sqlite } from "../../common/sqlite.ts";
import type { StreamId } from "../../protocol/ids.ts";
import type { RecordFields, StreamLife } from "../../protocol/messages/telemetry-batch.ts";
import { checkGapFields, type GapCause, type GapFields } from "../../protocol/messages/telemetry-gap.ts";
import type { DeviceEvent } from "./event.ts";
import { condense, makeRoom, type CondenseRange } from "./outbox-capacity.ts";
import {
  endOf,
  prepareOutbox,
  type NewRecord,
  type RecordRow,
  type StateRow,
  type StreamRow,
} from "./outbox-tables.ts";
import { RANK, rankOf } from "./rank.ts";

/** Records that were measured and could not be kept. They get numbers all the same, and a gap record after them. */
export interface Loss {
  readonly cause: GapCause;
  readonly count: number;
  readonly fromMs: number;
  readonly toMs: number;
}

/**
 * The numbers of the outbox and the transactions that give and take them.
 *
 * The disk is only made sure of (fsync) every RESERVED_NUMBERS records, every SYNC_EVERY_MS, and before a number leaves
 * the device: flash memory wears out by that more than by anything else here. What follows for a stop without warning:
 * - SIGKILL, a crash: every committed transaction is in the kernel's hands and survives.
 * - A power cut may take the last transactions. None of their records was ever sent, and `reserved`, which was on the disk
 *   before the first of them, bounds their numbers: those are given to nobody again but declared as a gap. So the count of
 *   numbers never goes backwards, and no number ever means two records.
 */
export interface Journal {
  /** Oldest first; the last one takes the new records, the others are sealed and drain. Never empty. */
  readonly streams: readonly StreamRow[];
  /** The position of the next record. */
  readonly next: number;
  /** One transaction: all of it is kept or none. Drops what the cap forces out, and declares that. */
  readonly write: (records: readonly NewRecord[], losses: readonly Loss[]) => void;
  /** Rolls up what the stream has not sent yet; false where the next call has more to do. See `condense`. */
  readonly condense: (stream: StreamRow, range: Pick<CondenseRange, "spanMs" | "reduce">) => boolean;
  /** The loss of streams of which nothing is known any more. */
  readonly declareUnknown: (cause: GapCause, lost: readonly StreamId[]) => void;
  /** What every batch of the stream tells of this copy of the outbox. */
  readonly lifeIn: (stream: StreamRow) => StreamLife;
  /**
   * Gives the records of this life another stream: another copy of the device has used these numbers, and the controller
   * has everything before them. False where that cannot be: the number is not the life's.
   */
  readonly leave: (stream: StreamRow, from: number) => boolean;
  /** Makes sure, on the disk, that positions before `through` are kept and never dropped: they may be sent then. */
  readonly claim: (stream: StreamRow, through: number) => void;
  readonly rows: (from: number, end: number, rowsMax: number) => readonly RecordRow[];
  readonly hasEvent: (stream: StreamRow, from: number) => boolean;
  /** Deletes what the controller has; a sealed stream of which it has everything ends. */
  readonly forget: (stream: StreamRow, before: number) => void;
  /** Seals the current stream; later records go to another one, and so need not wait for those before them. */
  readonly beginStream: () => void;
  /** Says that nothing was lost at the end. */
  readonly close: () => void;
}

/** Positions set aside at each fsync: bounds what a power cut can take, and how far its gap record can overstate it. */
const RESERVED_NUMBERS = 256;
/** More in a burst: it would ask for the disk at every turn of the event loop. */
const RESERVED_TURNS = 4;
/** A device without a connection asks for the disk this often at most, and only when it has something to write. */
const SYNC_EVERY_MS = 30_000;
/** Positions claimed at once: an fsync for every thousand records while a backlog drains, not one for every batch. */
const CLAIMED_NUMBERS = 1_000;
/** Gap records that one transaction adds for lack of room: two causes for each of 8 streams. */
const CAPACITY_GAPS_MAX = 16;

interface Draft {
  next: number;
  isLifeTold: boolean;
  streams: StreamRow[];
}

export interface JournalOptions {
  readonly clock: Clock;
  readonly capBytes: number;
  readonly bootId: string;
  /** Milliseconds since the machine started; never jumps. */
  readonly bootMs: () => number;
}

export function openJournal(database: Sqlite, { clock, capBytes, bootId, bootMs }: JournalOptions): Journal {
  const statements = prepareOutbox(database);
  const found = statements.state.get() ?? { next: 0, reserved: 0, boot_id: "", life_id: "", life_from: 0 };
  let next = found.next;
  let reserved = found.reserved;
  let streams: readonly StreamRow[] = statements.streams.all();
  // Whoever copies the disk between two starts has the same life_id only while the controller has not heard it.
  const life = found.life_id === "" ? { id: randomBytes(8).toString("hex"), from: found.next } : lifeOf(found);
  let isLifeTold = false;
  let syncedMs = clock.monotonicMs();
  let isSyncing = false;

  /** All or nothing, in memory too. `numbersMax` bounds what `work` gives away. */
  function transact(numbersMax: number, isDurable: boolean, work: (draft: Draft) => void): void {
    const isDue = next + numbersMax > reserved || clock.monotonicMs() - syncedMs >= SYNC_EVERY_MS;
    const sync = isDurable || isDue;
    const draft: Draft = { next, streams: [...streams], isLifeTold };
    let reservedAfter = reserved;
    setSync(sync);
    database.transaction(() => {
      work(draft);
      if (sync) reservedAfter = draft.next + Math.max(RESERVED_NUMBERS, RESERVED_TURNS * (draft.next - next));
      const life_id = draft.isLifeTold ? "" : life.id;
      const told = { life_id, life_from: life.from };
      statements.saveState.run({ next: draft.next, reserved: reservedAfter, boot_id: bootId, ...told });
    })();
    ({ next, streams, isLifeTold } = draft);
    reserved = reservedAfter;
    if (sync) syncedMs = clock.monotonicMs();
  }

  /** In WAL mode a commit with FULL syncs the journal, and with it every commit before. */
  function setSync(sync: boolean): void {
    if (sync === isSyncing) return;
    database.pragma(`synchronous = ${sync ? "FULL" : "NORMAL"}`);
    isSyncing = sync;
  }

  function insert(draft: Draft, { at_ms, boot_ms, kind, fields, rank }: NewRecord): void {
    statements.insert.run(draft.next, at_ms, boot_ms, kind, fields, rank);
    draft.next += 1;
  }

  function insertOwn(draft: Draft, kind: "gap" | "event", fields: RecordFields): void {
    const times = { at_ms: Math.round(clock.nowMs()), boot_ms: Math.round(bootMs()) };
    insert(draft, { ...times, kind, fields: JSON.stringify(fields), rank: rankOf(kind, fields) });
  }

  function declare(draft: Draft, gap: GapFields): void {
    insertOwn(draft, "gap", { ...gap });
  }

  function declareLoss(draft: Draft, loss: Loss): void {
    const firstSeq = draft.next - currentOf(draft.streams).base;
    draft.next += loss.count;
    declare(draft, { ...loss, firstSeq, lastSeq: firstSeq + loss.count - 1 });
  }

  function replace(draft: Draft, row: StreamRow): void {
    draft.streams = draft.streams.map((stream) => (stream.base === row.base ? row : stream));
    statements.saveStream.run(row);
  }

  function addStream(draft: Draft, id: StreamId): void {
    const row: StreamRow = { base: draft.next, id, acked: draft.next, claimed: draft.next, sealed: null };
    draft.streams.push(row);
    statements.saveStream.run(row);
  }

  transact(2 + reserved - next, true, (draft) => {
    if (draft.streams.length === 0) addStream(draft, randomStreamId());
    if (found.reserved > found.next && found.boot_id !== bootId) {
      const nowMs = Math.round(clock.nowMs());
      const [last] = statements.range.all(found.next - 1, found.next, 1);
      const count = found.reserved - found.next;
      declareLoss(draft, { cause: "power-cut", count, fromMs: last?.at_ms ?? nowMs, toMs: nowMs });
    }
  });

  return {
    get streams() {
      return streams;
    },
    get next() {
      return next;
    },
    write: (records, losses) => {
      const numbers = losses.reduce((sum, loss) => sum + loss.count + 1, records.length);
      transact(numbers + CAPACITY_GAPS_MAX, false, (draft) => {
        for (const loss of losses) declareLoss(draft, loss);
        for (const record of records) insert(draft, record);
        for (const gap of makeRoom(statements, draft.streams, draft.next, capBytes)) declare(draft, gap);
      });
    },
    condense: (stream, range) => {
      let isDone = true;
      transact(CAPACITY_GAPS_MAX, false, (draft) => {
        const end = endOf(stream, draft.next);
        const condensed = condense(statements, draft.streams, { ...range, stream, end });
        for (const gap of condensed.gaps) declare(draft, gap);
        ({ isDone } = condensed);
      });
      return isDone;
    },
    declareUnknown: (cause, lost) => {
      transact(lost.length + 1, true, (draft) => {
        if (lost.length === 0) declare(draft, { cause });
        for (const stream of lost) declare(draft, { cause, stream });
      });
    },
    claim: (stream, through) => {
      if (through <= stream.claimed) return;
      transact(0, true, (draft) => {
        const end = endOf(stream, draft.next);
        replace(draft, { ...stream, claimed: Math.min(end, Math.max(through, stream.claimed + CLAIMED_NUMBERS)) });
      });
    },
    hasEvent: (stream, from) => {
      const end = endOf(stream, next);
      return [RANK.event, RANK.evidence].some((rank) => statements.firstOfRank.get(rank, from, end) !== undefined);
    },
    rows: (from, end, rowsMax) => statements.range.all(from, end, rowsMax),
    lifeIn: ({ base }) => ({ id: life.id, from: Math.max(0, life.from - base) }),
    leave: (stream, from) => {
      const base = Math.max(stream.base, life.from);
      if (stream.base + from !== base) return false;
      transact(0, true, (draft) => {
        const end = endOf(stream, draft.next);
        statements.forget.run(stream.base, base);
        statements.deleteStream.run(stream.base);
        draft.streams = draft.streams.filter((other) => other.base !== stream.base);
        if (base < end || stream.sealed === null) {
          const left: StreamRow = { base, id: randomStreamId(), acked: base, claimed: base, sealed: stream.sealed };
          statements.saveStream.run(left);
          draft.streams = [...draft.streams, left].sort((a, b) => a.base - b.base);
        }
        for (const row of statements.gapsFrom.all(base)) {
          if (row.position >= end) break;
          const moved = movedGap(checkGapFields(JSON.parse(row.fields)), stream, base);
          statements.setFields.run(JSON.stringify(moved), row.position);
        }
      });
      return true;
    },
    forget: (stream, before) => {
      transact(0, false, (draft) => {
        draft.isLifeTold ||= before > life.from;
        statements.forget.run(stream.base, before);
        if (stream.sealed === null || before < endOf(stream, draft.next)) {
          replace(draft, { ...stream, acked: before, claimed: Math.max(before, stream.claimed) });
        } else {
          draft.streams = draft.streams.filter((other) => other.base !== stream.base);
          statements.deleteStream.run(stream.base);
        }
      });
    },
    beginStream: () => {
      const successor = randomStreamId();
      const event: DeviceEvent = "stream-sealed";
      transact(1, true, (draft) => {
        insertOwn(draft, "event", { event, successor });
        replace(draft, { ...currentOf(draft.streams), sealed: draft.next });
        addStream(draft, successor);
      });
    },
    close: () => {
      setSync(true);
      const life_id = isLifeTold ? "" : life.id;
      statements.saveState.run({ next, reserved: next, boot_id: "", life_id, life_from: life.from });
    },
  };
}

export function currentOf(streams: readonly StreamRow[]): StreamRow {
  const current = streams.at(-1);
  if (current === undefined) throw new Error("a journal has at least one stream");
  return current;
}

function lifeOf({ life_id: id, life_from: from }: StateRow): StreamLife {
  return { id, from };
}

/** The gap in the words of a stream that begins at `base`, when its record goes over to that one. */
function movedGap(gap: GapFields, stream: StreamRow, base: number): GapFields {
  const { firstSeq, lastSeq } = gap;
  if (gap.stream !== undefined || firstSeq === undefined || lastSeq === undefined) return gap;
  const steps = base - stream.base;
  // It tells of numbers that stay with the former stream.
  if (firstSeq < steps) return { ...gap, stream: stream.id };
  return { ...gap, firstSeq: firstSeq - steps, lastSeq: lastSeq - steps };
}

function randomStreamId(): StreamId {
  return randomBytes(16).toString("hex") as StreamId;
}
