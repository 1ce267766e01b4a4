import { backoffMs, type BackoffPolicy } from "../../common/backoff.ts";
import type { Clock } from "../../common/clock.ts";
import { messageOf } from "../../common/ferry-error.ts";
import type { Log } from "../../common/log.ts";
import type { StreamId } from "../../protocol/ids.ts";
import { TELEMETRY_BATCH_BYTES_MAX, TELEMETRY_BATCH_RECORDS_MAX } from "../../protocol/limits.ts";
import { encodeTelemetryBatch, type RecordRange } from "../../protocol/messages/telemetry-batch.ts";
import type { AckInbox } from "./ack-inbox.ts";
import type { Condensing } from "./detail.ts";
import type { Outbox, OutboxLane } from "./outbox.ts";

export interface UplinkPorts {
  readonly outbox: Pick<
    Outbox,
    | "lanes"
    | "read"
    | "hasEvent"
    | "condense"
    | "forgetThrough"
    | "leaveStream"
    | "beginStream"
    | "flush"
    | "stream"
    | "pending"
  >;
  /** One batch to the device's telemetry topic, QoS 1. A rejection means that it may not have arrived. */
  readonly publish: (payload: Uint8Array) => Promise<void>;
  /** The present connection, or undefined while there is none. */
  readonly session: () => string | undefined;
  readonly acks: AckInbox;
  readonly clock: Clock;
  readonly random: () => number;
  readonly log: Log;
  /** How measurements are added up before they are sent, at present; undefined: not at all. */
  readonly condensing?: () => Condensing | undefined;
  /** How long records wait for others to share a batch. */
  readonly lingerMs?: number;
  readonly retry?: BackoffPolicy;
}

/** Well under the 10 s that people call live; batches of one second cost a tenth of single records. */
const LINGER_MS = 1_000;
/** 2 to 4 s at first (acknowledgements of live batches come at most once a second), then doubled, up to a minute. */
const RETRY: BackoffPolicy = { firstMs: 4_000, mostMs: 60_000 };
/** Batches without an acknowledgement: the link itself allows 8 publishes in flight, some brokers 10. */
const IN_FLIGHT_MAX = 8;
/** Of those, the ones that a backlog may take: live records always find room. */
const BACKLOG_IN_FLIGHT_MAX = 6;
/** JSON of the records read for one batch; columnar CBOR takes a third to a half of it, and a batch too large is split. */
const READ_BYTES_MAX = 3 * TELEMETRY_BATCH_BYTES_MAX;
/** Of a batch, as the records before it promise: the next ones may be a little larger. */
const FILLED = 0.95;
/** A backlog of more than this (four batches) after an outage is sealed, so that live records go beside it. */
const BACKLOG_RECORDS_MAX = 4 * TELEMETRY_BATCH_RECORDS_MAX;
/** Streams that drain at once: an eighth outage within one backlog waits in line. */
const STREAMS_MAX = 8;

interface Lane {
  /** The number from which to send next. */
  cursor: number;
  /** The `next` of each batch without an acknowledgement, ascending. */
  readonly inFlight: number[];
  /** Records that were there when the connection came are backfill. */
  readonly backfillBefore: number;
  /** Added-up records before this go out without waiting: their time has come. */
  dueBefore: number;
  attempt: number;
  retryAtMs: number;
  /** As many as fit a batch, if they are as large as those of the batch before: what does not fit is read in vain. */
  recordsMax: number;
}

/**
 * Sends what the outbox holds and forgets it only when the controller has stored it. Within a stream batches go in
 * order, so that one watermark tells everything. After an outage with a long backlog the outbox begins a second stream:
 * live records go first, in their own stream, and the backlog takes the rest of the line.
 */
export async function runUplink(ports: UplinkPorts, signal: AbortSignal): Promise<void> {
  const {
    outbox,
    acks,
    clock,
    log,
    condensing: condensingNow = () => undefined,
    lingerMs = LINGER_MS,
    retry = RETRY,
  } = ports;
  const lanes = new Map<StreamId, Lane>();
  const publishing = new Set<Promise<void>>();
  let session: string | undefined;
  let liveSentMs = -Infinity;
  /** True from an interruption to the first acknowledgement after it. */
  let isRecovering = true;

  while (!signal.aborted) {
    for (const { stream, next, reusedFrom } of acks.take()) {
      if (reusedFrom === undefined) acknowledged(stream, next);
      else leave(stream, reusedFrom);
    }
    outbox.flush();
    if (ports.session() !== session) connectionChanged();
    if (session !== undefined) {
      retryOverdue();
      sendAll();
    }
    await acks.wait(waitMs(), signal);
  }
  await Promise.all(publishing);

  function connectionChanged(): void {
    session = ports.session();
    lanes.clear();
    isRecovering = true;
  }

  function acknowledged(stream: StreamId, next: number): void {
    const verdict = outbox.forgetThrough(stream, next);
    // A broker may say anything: only numbers that went out are believed.
    if (verdict === "never-sent") log.warn({ stream, next }, "telemetry acknowledged that was never sent; left aside");
    const lane = lanes.get(stream);
    if (verdict !== "forgotten" || !lane?.inFlight.some((sent) => sent <= next)) return;
    lane.inFlight.splice(0, lane.inFlight.filter((sent) => sent <= next).length);
    lane.attempt = 0;
    lane.retryAtMs = retryAtMs(0);
    if (isRecovering) recovered();
  }

  /** The lane ends with the stream; the one that takes its place begins at its first number. */
  function leave(stream: StreamId, from: number): void {
    if (!outbox.leaveStream(stream, from)) return;
    log.warn({ stream, from }, "another copy of this device has used this telemetry stream: its records get another");
    lanes.delete(stream);
  }

  function recovered(): void {
    isRecovering = false;
    if (outbox.pending > BACKLOG_RECORDS_MAX && outbox.lanes().length < STREAMS_MAX) outbox.beginStream();
  }

  function retryAtMs(attempt: number): number {
    return clock.monotonicMs() + backoffMs(retry, attempt, ports.random);
  }

  /** Goes back to the first number without an acknowledgement. */
  function retryOverdue(): void {
    for (const lane of lanes.values()) {
      if (lane.inFlight.length === 0 || clock.monotonicMs() < lane.retryAtMs) continue;
      lane.inFlight.length = 0;
      lane.cursor = 0;
      lane.attempt += 1;
      isRecovering = true;
    }
  }

  /** The current stream first, then the sealed ones, oldest first. */
  function sendAll(): void {
    const [current, ...sealed] = [...outbox.lanes()].reverse();
    const known = new Set([current, ...sealed].map((lane) => lane?.stream));
    for (const stream of lanes.keys()) if (!known.has(stream)) lanes.delete(stream);
    if (current !== undefined) sendLane(current, IN_FLIGHT_MAX);
    for (const view of sealed.reverse()) sendLane(view, BACKLOG_IN_FLIGHT_MAX);
  }

  function sendLane(view: OutboxLane, inFlightMax: number): void {
    const lane = laneOf(view);
    lane.cursor = Math.max(lane.cursor, view.acked);
    const condensing = condensingNow();
    const end = condensing === undefined ? view.end : dueEnd(lane, view, condensing);
    while (lane.cursor < end && isAllowed(lane, inFlightMax)) {
      if (condensing === undefined && view.stream === outbox.stream && !isLiveDue(lane, view)) return;
      if (!sendBatch(view.stream, lane)) return;
    }
  }

  /** Up to where added-up records go out now: nothing new before their time, or an event, comes. */
  function dueEnd(lane: Lane, view: OutboxLane, condensing: Condensing): number {
    if (lane.cursor < lane.dueBefore || lane.cursor >= view.end) return lane.dueBefore;
    const sinceMs = clock.monotonicMs() - liveSentMs;
    const isDue = view.stream !== outbox.stream || sinceMs >= condensing.spanMs;
    const isUrgent = () => sinceMs >= lingerMs && outbox.hasEvent(view.stream, lane.cursor);
    if ((isDue || isUrgent()) && outbox.condense(view.stream, condensing)) {
      // With the gap record of what was just added up.
      lane.dueBefore = outbox.lanes().find(({ stream }) => stream === view.stream)?.end ?? view.end;
    }
    return lane.dueBefore;
  }

  function laneOf({ stream, acked, end }: OutboxLane): Lane {
    const known = lanes.get(stream);
    if (known !== undefined) return known;
    // A stream that begins during the connection has nothing that waited for it.
    const backfillBefore = lanes.size === 0 || stream !== outbox.stream ? end : 0;
    const lane: Lane = {
      ...{ cursor: acked, inFlight: [], backfillBefore, dueBefore: 0, attempt: 0, retryAtMs: Infinity },
      recordsMax: TELEMETRY_BATCH_RECORDS_MAX,
    };
    lanes.set(stream, lane);
    return lane;
  }

  function isAllowed(lane: Lane, inFlightMax: number): boolean {
    if (lane.attempt > 0) return lane.inFlight.length === 0;
    const total = [...lanes.values()].reduce((sum, each) => sum + each.inFlight.length, 0);
    return total < inFlightMax;
  }

  function isLiveDue(lane: Lane, view: OutboxLane): boolean {
    if (lane.cursor < lane.backfillBefore || view.end - lane.cursor >= TELEMETRY_BATCH_RECORDS_MAX) return true;
    return clock.monotonicMs() - liveSentMs >= lingerMs;
  }

  function sendBatch(stream: StreamId, lane: Lane): boolean {
    const range = outbox.read(stream, lane.cursor, { recordsMax: lane.recordsMax, bytesMax: READ_BYTES_MAX });
    if (range === undefined) return false;
    const isCurrent = stream === outbox.stream;
    const backfill = !isCurrent || lane.cursor < lane.backfillBefore;
    const { payload, next, records } = encodeFitting({ ...range, backfill });
    if (records > 0) lane.recordsMax = fittingRecords(records, payload.byteLength);
    if (isCurrent) liveSentMs = clock.monotonicMs();
    if (lane.inFlight.length === 0) lane.retryAtMs = retryAtMs(lane.attempt);
    lane.cursor = next;
    lane.inFlight.push(next);
    const sending = ports.publish(payload).catch((error: unknown) => {
      log.debug({ error: messageOf(error) }, "a telemetry batch was not sent; it will be sent again");
    });
    publishing.add(sending);
    void sending.then(() => publishing.delete(sending));
    return true;
  }

  function waitMs(): number {
    const retries = [...lanes.values()].filter((lane) => lane.inFlight.length > 0).map((lane) => lane.retryAtMs);
    return Math.max(1, Math.min(lingerMs, ...retries.map((atMs) => atMs - clock.monotonicMs())));
  }
}

export interface FittingBatch {
  readonly payload: Uint8Array;
  /** The number after its last one. */
  readonly next: number;
  readonly records: number;
}

/** The batch, or as much of its beginning as fits one publish. */
export function encodeFitting(range: RecordRange): FittingBatch {
  const payload = encodeTelemetryBatch(range);
  const count = range.records.length;
  if (payload.byteLength <= TELEMETRY_BATCH_BYTES_MAX) return { payload, next: range.next, records: count };
  const records = range.records.slice(0, Math.min(count - 1, fittingRecords(count, payload.byteLength)));
  const last = records.at(-1);
  if (last === undefined) throw new Error("one record is larger than a batch may be");
  return encodeFitting({ ...range, records, next: last.seq + 1 });
}

/** How many records such as these a batch holds. */
function fittingRecords(records: number, bytes: number): number {
  const fitting = Math.floor((FILLED * TELEMETRY_BATCH_BYTES_MAX * records) / bytes);
  return Math.min(TELEMETRY_BATCH_RECORDS_MAX, Math.max(1, fitting));
}
