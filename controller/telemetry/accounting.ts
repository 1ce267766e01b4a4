import { sql } from "kysely";
import type { DeviceId, StreamId } from "../../protocol/ids.ts";
import type { Store } from "../store/store.ts";

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
  readonly device: DeviceId;
  readonly stream: StreamId;
  /** Numbers that the device has given away, as far as its signed report and its records tell. */
  readonly produced: number;
  /** Records stored, none twice; those too that have been added up or deleted for their age since. */
  readonly received: number;
  /** Numbers declared missing, by the device or by this controller. */
  readonly declared: number;
  /** Of these, the ones that are no loss: their measurements came added up, in another record. */
  readonly rolledUp: number;
  /** On the device, or on their way. */
  readonly outstanding: number;
  readonly missing: number;
  /** True where the device lost an outbox, and cannot tell how much was in it. */
  readonly isLossUnknown: boolean;
  /** The controller's clock, when a batch of this stream last came; 0 for never. */
  readonly lastMs: number;
}

/**
 * All streams of the devices, or of every device, by device and then oldest first. `reported` comes from each one's
 * newest signed report. One query, whatever the number of records: the counts are kept as records come.
 */
export async function accountStreams(
  store: Store,
  reported: ReadonlyMap<DeviceId, ReportedStream>,
  devices?: readonly DeviceId[],
): Promise<readonly StreamAccount[]> {
  const rows = await store
    .selectFrom("streams")
    .select(["device", "stream", "next", "received", "declared", "rolled_up", "loss_unknown", "last_ms"])
    .$if(devices !== undefined, (query) =>
      query.where("device", "in", sql<DeviceId>`(SELECT value FROM json_each(${JSON.stringify(devices)}))`),
    )
    .orderBy("device")
    .orderBy("first_ms")
    .execute();
  const accounts = rows.map((row) => {
    const own = reported.get(row.device);
    const produced = own?.stream === row.stream ? own.produced : 0;
    const { device, stream, next, received, declared, rolled_up: rolledUp, loss_unknown, last_ms: lastMs } = row;
    return accountStream({
      device,
      stream,
      next,
      received,
      declared,
      rolledUp,
      isLossUnknown: loss_unknown === 1,
      lastMs,
      produced,
    });
  });
  const heard = new Set(rows.map(({ device, stream }) => `${device}/${stream}`));
  const unheard = [...reported].filter(([device, { stream }]) => !heard.has(`${device}/${stream}`));
  if (unheard.length === 0) return accounts;
  // Their first batch is still on the way.
  const nothing = { next: 0, received: 0, declared: 0, isLossUnknown: false, lastMs: 0 };
  const waiting = unheard.map(([device, own]) => accountStream({ device, ...own, ...nothing }));
  return [...accounts, ...waiting].sort((a, b) => (a.device < b.device ? -1 : Number(a.device > b.device)));
}

export interface CountedStream {
  readonly device: DeviceId;
  readonly stream: StreamId;
  /** The watermark: everything before it is settled. */
  readonly next: number;
  readonly received: number;
  readonly declared: number;
  readonly rolledUp?: number;
  readonly isLossUnknown: boolean;
  readonly lastMs: number;
  /** As reported; 0 where the newest report is about another stream. */
  readonly produced: number;
}

/** Pure: the account of one stream from its counts. */
export function accountStream(counts: CountedStream): StreamAccount {
  const { device, stream, next, received, declared, rolledUp = 0, isLossUnknown, lastMs } = counts;
  // A gap record in a later stream may declare numbers that the watermark of this one has not come to.
  const settled = Math.max(next, received + declared);
  const produced = Math.max(counts.produced, settled);
  return {
    device,
    stream,
    produced: isLossUnknown ? settled : produced,
    received,
    declared,
    rolledUp,
    outstanding: isLossUnknown ? 0 : produced - settled,
    missing: settled - received - declared,
    isLossUnknown,
    lastMs,
  };
}
