import type { Transaction } from "kysely";
import type { DeviceId, StreamId } from "../../protocol/ids.ts";
import type { RecordRange, TelemetryRecord } from "../../protocol/messages/telemetry-batch.ts";
import type { GapFields } from "../../protocol/messages/telemetry-gap.ts";
import type { Tables } from "../store/tables.ts";
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
}

interface StreamChange {
  readonly known: boolean;
  next: number;
  backfill: boolean;
}

/**
 * Applies the rules of `TelemetryBatch` to batches in the order of their arrival, inside one transaction: the rows and
 * the watermark that vouches for them are stored together or not at all.
 */
export async function storeBatches(
  db: Transaction<Tables>,
  batches: readonly ArrivedBatch[],
  nowMs: number,
): Promise<StoredBatches> {
  const changes = new Map<string, StreamChange & Pick<Watermark, "device" | "stream">>();
  const rows: TelemetryRow[] = [];
  for (const { device, range } of batches) {
    const { stream, acked, from, next, backfill } = range;
    const key = `${device}/${stream}`;
    const change = changes.get(key) ?? { device, stream, ...(await readWatermark(db, device, stream)) };
    changes.set(key, change);
    if (acked > change.next) {
      rows.push(lostHere(device, stream, change.next, acked, nowMs));
      change.next = acked;
    }
    change.backfill = backfill;
    if (from > change.next) continue;
    change.next = Math.max(change.next, next);
    for (const record of range.records) rows.push(rowOf(device, stream, record, backfill, nowMs));
  }
  const stored = await insertTelemetry(db, rows);
  for (const change of changes.values()) await saveWatermark(db, change, nowMs);
  return { watermarks: [...changes.values()], stored, duplicates: rows.length - stored };
}

async function readWatermark(db: Transaction<Tables>, device: DeviceId, stream: StreamId): Promise<StreamChange> {
  const row = await db
    .selectFrom("streams")
    .select("next")
    .where("device", "=", device)
    .where("stream", "=", stream)
    .executeTakeFirst();
  return { known: row !== undefined, next: row?.next ?? 0, backfill: false };
}

async function saveWatermark(
  db: Transaction<Tables>,
  { device, stream, next, known }: StreamChange & Pick<Watermark, "device" | "stream">,
  nowMs: number,
): Promise<void> {
  if (known) {
    const update = db.updateTable("streams").set({ next, last_ms: nowMs });
    await update.where("device", "=", device).where("stream", "=", stream).execute();
  } else {
    await db.insertInto("streams").values({ device, stream, next, first_ms: nowMs, last_ms: nowMs }).execute();
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
