import type { DeviceId, StreamId } from "../../protocol/ids.ts";
import type { Store } from "../store/store.ts";
import { listGaps, type TelemetryGap } from "./gaps.ts";

/** The telemetry of a device's signed report. */
export interface ReportedStream {
  readonly stream: StreamId;
  readonly produced: number;
}

/**
 * What became of every number of one stream. At any time
 * `produced = received + declared + outstanding + missing`, and `missing` is 0 where nothing went wrong: it is more for
 * as long as a gap was passed whose record is still to come, and for good where the device's word is broken.
 */
export interface StreamAccount {
  readonly stream: StreamId;
  /** Numbers that the device has given away, as far as its signed report and its records tell. */
  readonly produced: number;
  /** Records stored, none twice. */
  readonly received: number;
  /** Numbers declared missing, by the device or by this controller. */
  readonly declared: number;
  /** On the device, or on their way. */
  readonly outstanding: number;
  readonly missing: number;
  /** True where the device lost an outbox, and cannot tell how much was in it. */
  readonly isLossUnknown: boolean;
  /** The controller's clock, when a batch of this stream last came; 0 for never. */
  readonly lastMs: number;
}

/** The streams of one device, oldest first. `reported` comes from its newest signed report, where there is one. */
export async function accountDevice(
  store: Store,
  device: DeviceId,
  reported: ReportedStream | undefined,
): Promise<readonly StreamAccount[]> {
  const gaps = await listGaps(store, { device });
  const rows = await store
    .selectFrom("streams as s")
    .select((eb) => [
      "s.stream",
      "s.next",
      "s.last_ms",
      eb
        .selectFrom("telemetry as t")
        .select((count) => count.fn.countAll<number>().as("rows"))
        .whereRef("t.device", "=", "s.device")
        .whereRef("t.stream", "=", "s.stream")
        .as("rows"),
    ])
    .where("s.device", "=", device)
    .orderBy("s.first_ms")
    .execute();
  const accounts = rows.map(({ stream, next, last_ms: lastMs, rows: count }) => {
    const own = gaps.filter((gap) => gap.stream === stream);
    const produced = reported?.stream === stream ? reported.produced : 0;
    return accountStream({ stream, next, lastMs, rows: count ?? 0, produced }, own);
  });
  // Its first batch is still on the way.
  const isUnheard = reported !== undefined && !rows.some((row) => row.stream === reported.stream);
  return isUnheard ? [...accounts, accountStream({ ...reported, next: 0, lastMs: 0, rows: 0 }, [])] : accounts;
}

export interface StreamCounts {
  readonly stream: StreamId;
  /** The watermark: everything before it is settled. */
  readonly next: number;
  readonly lastMs: number;
  readonly rows: number;
  /** As reported; 0 where the newest report is about another stream. */
  readonly produced: number;
}

/** Pure: the account of one stream from its counts and the gaps that concern it. */
export function accountStream(counts: StreamCounts, gaps: readonly TelemetryGap[]): StreamAccount {
  // The controller's own gap records are not records of the device.
  const received = counts.rows - gaps.filter((gap) => gap.cause === "controller-lost").length;
  const declared = gaps.reduce((sum, gap) => sum + (gap.count ?? 0), 0);
  const isLossUnknown = gaps.some((gap) => gap.count === undefined);
  const produced = Math.max(counts.produced, counts.next);
  return {
    stream: counts.stream,
    produced,
    received,
    declared,
    outstanding: isLossUnknown ? 0 : produced - counts.next,
    missing: Math.max(0, counts.next - received - declared),
    isLossUnknown,
    lastMs: counts.lastMs,
  };
}
