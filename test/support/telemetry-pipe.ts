import { createAckInbox } from "../../agent/telemetry/ack-inbox.ts";
import type { Outbox } from "../../agent/telemetry/outbox.ts";
import { runUplink } from "../../agent/telemetry/uplink.ts";
import { systemClock } from "../../common/clock.ts";
import { openLog } from "../../common/log.ts";
import { openTelemetryIngest, type TelemetryIngest } from "../../controller/telemetry/ingest.ts";
import { openStore, type Store } from "../../controller/store/store.ts";
import type { DeviceId, FleetId } from "../../protocol/ids.ts";
import { encodeFitting } from "../../agent/telemetry/uplink.ts";

export const quietLog = openLog("test", "silent");
export const DEVICE = "d1" as DeviceId;

/** How long the other end takes, or `lost`; several numbers are several copies. */
export type Delivery = readonly number[];

export interface Pipe extends AsyncDisposable {
  readonly store: Store;
  readonly ingest: TelemetryIngest;
  /** Undefined is a connection that is down. */
  session: string | undefined;
  /** Batches that went in at the device's end. */
  sent: number;
}

export interface PipeOptions {
  readonly outbox: Outbox;
  readonly storePath: string;
  /** What becomes of one message, either way; by default it arrives at once. */
  readonly deliver?: () => Delivery;
  readonly lingerMs?: number;
  readonly session?: string | undefined;
  readonly retryMs?: number;
}

/** The uplink of one outbox and the ingest of one database, with a network of the test's making in place of the broker. */
export async function openPipe(options: PipeOptions): Promise<Pipe> {
  const { outbox, deliver = () => [0], lingerMs = 20, retryMs = 100 } = options;
  const opened = await openStore(options.storePath);
  const stopping = new AbortController();
  const acks = createAckInbox({ clock: systemClock, log: quietLog });
  const under = new Set<Promise<void>>();

  function carry(work: () => void): void {
    for (const delayMs of deliver()) {
      const carried = systemClock.sleep(delayMs, stopping.signal).then(() => {
        under.delete(carried);
        if (!stopping.signal.aborted) work();
      });
      under.add(carried);
    }
  }

  const ingest = openTelemetryIngest({
    store: opened.store,
    fleet: "f" as FleetId,
    clock: systemClock,
    log: quietLog,
    publish: (_topic, payload) => {
      carry(() => {
        acks.put(payload);
      });
      return Promise.resolve();
    },
  });
  const pipe = {
    store: opened.store,
    ingest,
    session: "session" in options ? options.session : "s1",
    sent: 0,
    [Symbol.asyncDispose]: async () => {
      stopping.abort();
      await Promise.all([running, ...under]);
      await ingest[Symbol.asyncDispose]();
      await opened[Symbol.asyncDispose]();
    },
  };
  const running = runUplink(
    {
      outbox,
      acks,
      clock: systemClock,
      random: Math.random,
      log: quietLog,
      lingerMs,
      retry: { firstMs: retryMs, mostMs: 4 * retryMs },
      session: () => pipe.session,
      publish: (payload) => {
        pipe.sent += 1;
        carry(() => {
          ingest.onBatch(DEVICE, payload);
        });
        return Promise.resolve();
      },
    },
    stopping.signal,
  );
  return pipe;
}

/** The next batch that this outbox would send, as bytes. */
export function nextBatch(outbox: Outbox, from = 0): Uint8Array {
  const range = outbox.read(outbox.stream, from, { recordsMax: 500, bytesMax: 144_000 });
  if (range === undefined) throw new Error("the outbox has nothing to send");
  return encodeFitting({ ...range, backfill: false }).payload;
}
