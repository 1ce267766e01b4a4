import type { DeviceId, StreamId } from "../../protocol/ids.ts";
import type { RecordRange, TelemetryRecord } from "../../protocol/messages/telemetry-batch.ts";
import { checkGapFields, type GapFields } from "../../protocol/messages/telemetry-gap.ts";
import { ProtocolError } from "../../protocol/protocol-error.ts";
import type { StoreTransaction } from "../store/store.ts";
import { gapStream } from "./gap-stream.ts";
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
 * told by the watermark alone: its row may long have been added up to others.
 */
export async function storeBatches(
  db: StoreTransaction,
  batches: readonly ArrivedBatch[],
  nowMs: number,
): Promise<StoredBatches> {
  const streams = new StreamTally(db);
  const fleet = new FleetTally();
  const rows: TelemetryRow[] = [];
  const reused: Watermark[] = [];
  let duplicates = 0;
  for (const { device, range } of batches) {
    const { stream, acked, from, next, backfill } = range;
    const counts = await streams.of(device, stream);
    if (isReused(range, counts)) {
      reused.push({ device, stream, next: counts.next, backfill: true, reusedFrom: range.life?.from ?? 0 });
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
    const news = range.records.filter(({ seq }) => seq >= counts.next);
    duplicates += range.records.length - news.length;
    counts.next = Math.max(counts.next, next);
    counts.received += news.length;
    for (const record of news) {
      rows.push(rowOf(device, stream, record, backfill, nowMs));
      if (record.kind === "gap") await countGap(streams, device, stream, record);
      if (record.kind === "inference")
        ifSound(() => {
          fleet.add(device, record);
        });
    }
  }
  await insertTelemetry(db, rows);
  await fleet.store(db);
  const changed = await streams.store(nowMs);
  const watermarks = changed.flatMap(({ device, stream, next, backfill }) =>
    backfill === undefined ? [] : [{ device, stream, next, backfill }],
  );
  return { watermarks: [...watermarks, ...reused], stored: rows.length, duplicates };
}

/** Numbers that this life gave away itself were received in another one: what they hold would be taken for duplicates. */
function isReused({ life }: RecordRange, { life: heard, next }: StreamCounts): boolean {
  return life !== undefined && life.id !== heard && life.from < next;
}

/** A gap record that cannot be read declares nothing. */
async function countGap(streams: StreamTally, device: DeviceId, own: StreamId, record: TelemetryRecord): Promise<void> {
  const gap = ifSound(() => checkGapFields(record.fields));
  const stream = gap === undefined ? undefined : gapStream(gap, own);
  if (gap === undefined || stream === undefined) return;
  const counts = await streams.of(device, stream);
  if (gap.count === undefined) counts.isLossUnknown = true;
  else counts.declared += gap.count;
  if (gap.cause === "rolled-up") counts.rolledUp += gap.count ?? 0;
}

/** Undefined where a record cannot be read: it came from one device, and must not stop the others. */
function ifSound<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch (thrown) {
    if (thrown instanceof ProtocolError) return undefined;
    throw thrown;
  }
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
