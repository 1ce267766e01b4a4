import type { Clock } from "../../common/clock.ts";
import { messageOf } from "../../common/ferry-error.ts";
import type { Log } from "../../common/log.ts";
import type { DeviceId, FleetId } from "../../protocol/ids.ts";
import { encodeTelemetryAck } from "../../protocol/messages/telemetry-ack.ts";
import { decodeTelemetryBatch } from "../../protocol/messages/telemetry-batch.ts";
import { deviceTopics } from "../../protocol/topics.ts";
import type { Store } from "../store/store.ts";
import { openAckPacer } from "./ack-pacer.ts";
import type { ProblemName } from "./problem-names.ts";
import { ProblemTally } from "./problems.ts";
import { storeBatches, type ArrivedBatch, type Watermark } from "./store-batches.ts";

/** Stores the telemetry of all devices, each record once, and acknowledges only what a power cut cannot take any more. */
export interface TelemetryIngest extends AsyncDisposable {
  /** One message of a device's telemetry topic. Never throws: what is not stored is not acknowledged and comes again. */
  readonly onBatch: (device: DeviceId, payload: Uint8Array) => void;
  readonly counters: Readonly<IngestCounters>;
}

/** Since the start; for people and for Prometheus. */
export interface IngestCounters {
  batches: number;
  /** Records stored. */
  records: number;
  /** Records that came again: an acknowledgement was lost or late. */
  duplicates: number;
  /** Batches turned away because QUEUE_BYTES_MAX were waiting. */
  refused: number;
  /** What devices did wrong. */
  readonly problems: Record<ProblemName, number>;
  /** Batches that wait for the database, as they came. */
  waitingBytes: number;
  /** From the arrival of each batch until it was stored, added up. */
  waitedMs: number;
  /** Transactions that the database refused. */
  failures: number;
}

export interface TelemetryIngestPorts {
  readonly store: Store;
  readonly publish: (topic: string, payload: Uint8Array, options: { readonly qos: 0 }) => Promise<void>;
  readonly fleet: FleetId;
  readonly clock: Clock;
  readonly log: Log;
}

/** Batches that wait for the database, as they came; in memory they take about five times that. */
const QUEUE_BYTES_MAX = 8 * 1024 ** 2;
/** A transaction costs about as much as so many records, whatever is in it: with as many there is nothing to wait for. */
const GROUP_RECORDS = 500;
/** Else for others to share it: ten thousand devices send 167 batches a second, which are 30 transactions then. */
const GROUP_MS = 25;
/** Records in one transaction, 50 ms of work: in between, other parts of the controller get the database. */
const TRANSACTION_RECORDS_MAX = 5_000;
/** After the database refused. */
const RETRY_MS = 1_000;

interface QueuedBatch extends ArrivedBatch {
  readonly payloadBytes: number;
  readonly arrivedMs: number;
}

export function openTelemetryIngest({ store, publish, fleet, clock, log }: TelemetryIngestPorts): TelemetryIngest {
  const counters: IngestCounters = {
    ...{ batches: 0, records: 0, duplicates: 0, refused: 0, waitingBytes: 0, waitedMs: 0, failures: 0 },
    problems: noProblems(),
  };
  const problems = new ProblemTally();
  const queue: QueuedBatch[] = [];
  let queuedRecords = 0;
  const closing = new AbortController();
  let gathering = new AbortController();
  const pacer = openAckPacer(clock, acknowledge);
  let working: Promise<void> | undefined;
  let lastReceivedMs = 0;

  async function work(): Promise<void> {
    while ((queue.length > 0 || !problems.isEmpty) && !closing.signal.aborted) {
      await gather();
      if (!(await storeSome())) await clock.sleep(RETRY_MS, closing.signal);
    }
    working = undefined;
  }

  async function gather(): Promise<void> {
    if (queuedRecords >= GROUP_RECORDS) return;
    gathering = new AbortController();
    await clock.sleep(GROUP_MS, AbortSignal.any([gathering.signal, closing.signal]));
  }

  /** False where the database refused: the batches are not acknowledged, and so come again. */
  async function storeSome(): Promise<boolean> {
    const some = takeSome();
    // The clock may step back; the order in which records became visible must not.
    lastReceivedMs = Math.max(lastReceivedMs, Math.round(clock.nowMs()));
    const noted = problems.take();
    try {
      const work = store.transaction().execute((db) => storeBatches(db, some, lastReceivedMs, noted));
      const { watermarks, stored, duplicates, problems: told } = await work;
      for (const { problem, count } of told) counters.problems[problem] += count;
      for (const { arrivedMs } of some) counters.waitedMs += clock.monotonicMs() - arrivedMs;
      counters.records += stored;
      counters.duplicates += duplicates;
      for (const watermark of watermarks) {
        if (watermark.reusedFrom === undefined) pacer.acknowledge(watermark);
        else tellReuse(watermark);
      }
      return true;
    } catch (error) {
      // The batches come again, and what is wrong in them with them; what could not be read at all does not.
      problems.giveBack(noted);
      counters.failures += 1;
      log.error({ error: messageOf(error), batches: some.length }, "telemetry cannot be stored; it will come again");
      return false;
    }
  }

  function tellReuse(watermark: Watermark): void {
    const { device, stream, reusedFrom } = watermark;
    log.warn(
      { device, stream, reusedFrom },
      "a device goes on with a telemetry stream of another copy of it: restored, or there twice; it is told to begin another",
    );
    acknowledge(watermark);
  }

  function takeSome(): readonly QueuedBatch[] {
    let records = 0;
    const over = queue.findIndex((batch) => (records += batch.range.records.length) > TRANSACTION_RECORDS_MAX);
    const some = queue.splice(0, over < 0 ? queue.length : Math.max(1, over));
    for (const { payloadBytes, range } of some) {
      counters.waitingBytes -= payloadBytes;
      queuedRecords -= range.records.length;
    }
    return some;
  }

  function acknowledge({ device, stream, next, reusedFrom }: Watermark): void {
    const topic = deviceTopics(fleet, device).telemetryAck;
    const ack = { stream, next, ...(reusedFrom === undefined ? {} : { reusedFrom }) };
    publish(topic, encodeTelemetryAck(ack), { qos: 0 }).catch((error: unknown) => {
      log.debug(
        { device, error: messageOf(error) },
        "a telemetry acknowledgement was not sent; the next one tells all",
      );
    });
  }

  return {
    counters,
    onBatch: (device, payload) => {
      if (closing.signal.aborted) return;
      if (counters.waitingBytes + payload.byteLength > QUEUE_BYTES_MAX) {
        counters.refused += 1;
        return;
      }
      try {
        const range = decodeTelemetryBatch(payload);
        queue.push({ device, range, payloadBytes: payload.byteLength, arrivedMs: clock.monotonicMs() });
        queuedRecords += range.records.length;
        if (queuedRecords >= GROUP_RECORDS) gathering.abort();
        counters.waitingBytes += payload.byteLength;
        counters.batches += 1;
      } catch (error) {
        problems.add(device, "batch-unreadable", messageOf(error));
        log.warn({ device, error: messageOf(error) }, "an unreadable telemetry batch was left aside");
      }
      working ??= work();
    },
    [Symbol.asyncDispose]: async () => {
      closing.abort();
      await working;
      await pacer[Symbol.asyncDispose]();
    },
  };
}

function noProblems(): Record<ProblemName, number> {
  return {
    "batch-unreadable": 0,
    "record-unreadable": 0,
    "kind-unknown": 0,
    "clock-ahead": 0,
    "clock-behind": 0,
    "stream-reused": 0,
  };
}
