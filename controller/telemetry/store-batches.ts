import type { DeviceId, StreamId } from "../../protocol/ids.ts";
import { isRecordKind, type RecordRange, type TelemetryRecord } from "../../protocol/messages/telemetry-batch.ts";
import { checkGapFields, type GapFields } from "../../protocol/messages/telemetry-gap.ts";
import { ProtocolError } from "../../protocol/protocol-error.ts";
import { ensureDevice } from "../fleet/inventory.ts";
import type { StoreTransaction } from "../store/store.ts";
import { findReuse } from "./find-reuse.ts";
import { gapStream } from "./gap-stream.ts";
import { ProblemTally, storeProblems, type ProblemNote } from "./problems.ts";
import { recordTime } from "./record-time.ts";
import { FleetTally } from "./fleet-inference.ts";
import { StreamTally, type StreamCounts } from "./stream-tally.ts";
import { insertTelemetry, type TelemetryRow } from "./telemetry-rows.ts";

/** A batch that has been read and checked. */
export interface ArrivedBatch {
  readonly device: DeviceId;
  readonly range: RecordRange;
}

export interface StoredBatches {
  readonly watermarks: readonly Watermark[];
  readonly stored: number;
  /** Records that were there already. */
  readonly duplicates: number;
  /** What was wrong, stored with the rest. */
  readonly problems: readonly ProblemNote[];
}

/** What the database holds of one stream after a transaction. */
export interface Watermark {
  readonly device: DeviceId;
  readonly stream: StreamId;
  readonly next: number;
  /** True where the device drains a backlog and waits for this. */
  readonly backfill: boolean;
  /** There where the device goes on with a stream that is another copy's: see `TelemetryAck`. */
  readonly reusedFrom?: number;
}

/**
 * Applies the rules of `TelemetryBatch` to batches in the order of their arrival, inside one transaction: the rows, the
 * watermark that vouches for them and the counts are stored together or not at all. Whether a record is here already is
 * told by the watermark alone: its row may long have been added up to others. `noted`: what was wrong before, and is the
 * caller's until the transaction has committed.
 */
export async function storeBatches(
  db: StoreTransaction,
  batches: readonly ArrivedBatch[],
  nowMs: number,
  noted: readonly ProblemNote[] = [],
): Promise<StoredBatches> {
  const problems = new ProblemTally();
  problems.giveBack(noted);
  const streams = new StreamTally(db);
  const fleet = new FleetTally();
  const rows: TelemetryRow[] = [];
  const reused: Watermark[] = [];
  let duplicates = 0;
  for (const { device, range } of batches) {
    const { stream, acked, from, next, backfill } = range;
    const counts = await streams.of(device, stream);
    // The devices of a whole fleet that comes at once join in a few transactions, not in one each.
    if (!counts.isKnown && !(await ensureDevice(db, device, nowMs))) {
      streams.forget(counts);
      continue;
    }
    if (isReused(range, counts)) {
      reused.push({ device, stream, next: counts.next, backfill: true, reusedFrom: range.life?.from ?? 0 });
      problems.add(device, "stream-reused", `another copy goes on with stream ${stream}`);
      continue;
    }
    counts.life = range.life?.id ?? counts.life;
    counts.backfill = backfill;
    if (acked > counts.next) {
      rows.push(lostHere(device, stream, counts.next, acked, nowMs));
      counts.lostHere += 1;
      counts.declared += acked - counts.next;
      counts.next = acked;
    }
    if (from > counts.next) continue;
    const again = range.records.filter(({ seq }) => seq < counts.next);
    const news = range.records.slice(again.length);
    duplicates += again.length;
    // Agents from before there were lives tell only by what the records hold.
    const other = range.life === undefined ? await findReuse(db, device, stream, again) : undefined;
    if (other !== undefined) problems.add(device, "stream-reused", `number ${other.seq} of stream ${stream}`);
    counts.next = Math.max(counts.next, next);
    counts.received += news.length;
    for (const told of news) {
      const { atMs, problem } = recordTime(told.atMs, nowMs);
      if (problem !== undefined) problems.add(device, problem, `its clock said ${instantText(told.atMs)}`);
      const record = atMs === told.atMs ? told : { ...told, atMs };
      rows.push(rowOf(device, stream, record, backfill, nowMs));
      const counting = understand({ streams, fleet, problems }, device, stream, record);
      if (counting !== undefined) await counting;
    }
  }
  await insertTelemetry(db, rows);
  await fleet.store(db);
  const changed = await streams.store(nowMs);
  const told = await ofDevices(db, problems.take(), nowMs);
  await storeProblems(db, told, nowMs);
  const watermarks = changed.flatMap(({ device, stream, next, backfill }) =>
    backfill === undefined ? [] : [{ device, stream, next, backfill }],
  );
  return { watermarks: [...watermarks, ...reused], stored: rows.length, duplicates, problems: told };
}

/** Strangers on the broker are bounded in number by the devices that there may be. */
async function ofDevices(
  db: StoreTransaction,
  notes: readonly ProblemNote[],
  nowMs: number,
): Promise<readonly ProblemNote[]> {
  const known: ProblemNote[] = [];
  for (const note of notes) if (await ensureDevice(db, note.device, nowMs)) known.push(note);
  return known;
}

/** Numbers that this life gave away itself were received in another one: what they hold would be taken for duplicates. */
function isReused({ life }: RecordRange, { life: heard, next }: StreamCounts): boolean {
  return life !== undefined && life.id !== heard && life.from < next;
}

interface Tallies {
  readonly streams: StreamTally;
  readonly fleet: FleetTally;
  readonly problems: ProblemTally;
}

/**
 * What a new record means beyond being there. One that cannot be read came from one device, and must not stop the others. A
 * promise where the database is asked, which is seldom: to wait for each record takes as long as to count it.
 */
function understand(
  { streams, fleet, problems }: Tallies,
  device: DeviceId,
  own: StreamId,
  record: TelemetryRecord,
): Promise<void> | undefined {
  try {
    if (record.kind === "gap") return countGap(streams, device, own, checkGapFields(record.fields));
    if (record.kind === "inference") fleet.add(device, record);
    else if (!isRecordKind(record.kind)) problems.add(device, "kind-unknown", `a record of kind ${record.kind}`);
  } catch (thrown) {
    if (!(thrown instanceof ProtocolError)) throw thrown;
    problems.add(device, "record-unreadable", `number ${record.seq} of stream ${own}: ${thrown.message}`);
  }
  return undefined;
}

async function countGap(streams: StreamTally, device: DeviceId, own: StreamId, gap: GapFields): Promise<void> {
  const stream = gapStream(gap, own);
  if (stream === undefined) return;
  const counts = await streams.of(device, stream);
  if (gap.count === undefined) counts.isLossUnknown = true;
  else counts.declared += gap.count;
  if (gap.cause === "rolled-up") counts.rolledUp += gap.count ?? 0;
}

/** A device may tell any number. */
function instantText(ms: number): string {
  const date = new Date(ms);
  return Number.isNaN(date.getTime()) ? String(ms) : date.toISOString();
}

/**
 * This database had acknowledged [from, to) once and no longer has it: it was lost, or an older copy was restored. One
 * gap record stands at the first lost number, which no record of the device can ever take again.
 */
function lostHere(device: DeviceId, stream: StreamId, from: number, to: number, nowMs: number): TelemetryRow {
  const fields: GapFields = { cause: "controller-lost", count: to - from, firstSeq: from, lastSeq: to - 1 };
  const record: TelemetryRecord = { seq: from, atMs: nowMs, kind: "gap", fields };
  return rowOf(device, stream, record, true, nowMs);
}

function rowOf(
  device: DeviceId,
  stream: StreamId,
  { seq, atMs, kind, fields }: TelemetryRecord,
  backfill: boolean,
  nowMs: number,
): TelemetryRow {
  const fields_json = JSON.stringify(fields);
  return { device, stream, seq, at_ms: atMs, received_ms: nowMs, kind, backfill: backfill ? 1 : 0, fields_json };
}
