import type { DeviceId, StreamId } from "../../protocol/ids.ts";
import type { RecordKind } from "../../protocol/messages/telemetry-batch.ts";
import type { Store } from "../store/store.ts";
import { storedRecordOf, type StoredRecord } from "./telemetry-record.ts";

export interface TailFilter {
  readonly device?: DeviceId;
  readonly kind?: RecordKind;
}

export interface TailPage {
  /** In the order in which they were stored. */
  readonly records: readonly StoredRecord[];
  /** Give it back to get what came after; the same as before where nothing did. */
  readonly cursor: string;
}

/** One page for a person or a program that follows. */
const TAIL_RECORDS_MAX = 1_000;

/** The last `limit` records, or with a cursor the first `limit` after it. A cursor that is none begins at the start. */
export async function tailTelemetry(
  store: Store,
  filter: TailFilter,
  { cursor, limit = 100 }: { readonly cursor?: string; readonly limit?: number } = {},
): Promise<TailPage> {
  const after = cursor === undefined ? undefined : parseCursor(cursor);
  const direction = after === undefined ? "desc" : "asc";
  let query = store.selectFrom("telemetry").selectAll();
  if (filter.device !== undefined) query = query.where("device", "=", filter.device);
  if (filter.kind !== undefined) query = query.where("kind", "=", filter.kind);
  if (after !== undefined) {
    query = query
      .where("received_ms", ">=", after.receivedMs)
      .where((eb) =>
        eb(
          eb.refTuple("received_ms", "device", "stream", "seq"),
          ">",
          eb.tuple(after.receivedMs, after.device, after.stream, after.seq),
        ),
      );
  }
  for (const column of ["received_ms", "device", "stream", "seq"] as const) query = query.orderBy(column, direction);
  const rows = await query.limit(Math.min(limit, TAIL_RECORDS_MAX)).execute();
  const records = (after === undefined ? rows.reverse() : rows).map(storedRecordOf);
  const last = records.at(-1);
  return { records, cursor: last === undefined ? (cursor ?? START) : cursorOf(last) };
}

/** Before every record. */
const START = "0///0";

function cursorOf({ receivedMs, device, stream, seq }: StoredRecord): string {
  return `${receivedMs}/${device}/${stream}/${seq}`;
}

function parseCursor(cursor: string) {
  const [receivedMs, device = "", stream = "", seq] = cursor.split("/");
  return {
    receivedMs: numberOf(receivedMs),
    device: device as DeviceId,
    stream: stream as StreamId,
    seq: numberOf(seq),
  };
}

function numberOf(text: string | undefined): number {
  const value = Number(text);
  return Number.isSafeInteger(value) ? value : 0;
}
