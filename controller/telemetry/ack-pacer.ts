import type { Clock } from "../../common/clock.ts";
import type { Watermark } from "./store-batches.ts";

/** Decides when a device hears what is stored of its telemetry. */
export interface AckPacer extends AsyncDisposable {
  readonly acknowledge: (watermark: Watermark) => void;
}

/** Live batches of one stream: 10,000 devices then cost 10,000 small messages a second at the very most. */
const LIVE_ACK_EVERY_MS = 1_000;

/**
 * Backfill is acknowledged at once, because the device waits for that before it sends more; live batches at once too,
 * unless that stream heard within the last second: then with what comes until the second is over.
 */
export function openAckPacer(clock: Clock, send: (watermark: Watermark) => void): AckPacer {
  const sentAtMs = new Map<string, number>();
  const due = new Map<string, Watermark>();
  const closing = new AbortController();
  let pacing: Promise<void> | undefined;

  function sendNow(key: string, watermark: Watermark): void {
    due.delete(key);
    sentAtMs.set(key, clock.monotonicMs());
    send(watermark);
  }

  /** Runs while there is something due or remembered; both empty themselves within two rounds without traffic. */
  async function pace(): Promise<void> {
    while (!closing.signal.aborted && sentAtMs.size + due.size > 0) {
      await clock.sleep(LIVE_ACK_EVERY_MS, closing.signal);
      const beforeMs = clock.monotonicMs() - LIVE_ACK_EVERY_MS;
      for (const [key, atMs] of sentAtMs) if (atMs <= beforeMs) sentAtMs.delete(key);
      for (const [key, watermark] of due) sendNow(key, watermark);
    }
    pacing = undefined;
  }

  return {
    acknowledge: (watermark) => {
      const key = `${watermark.device}/${watermark.stream}`;
      const lastMs = sentAtMs.get(key) ?? -Infinity;
      if (watermark.backfill || clock.monotonicMs() - lastMs >= LIVE_ACK_EVERY_MS) sendNow(key, watermark);
      else due.set(key, watermark);
      pacing ??= pace();
    },
    [Symbol.asyncDispose]: async () => {
      closing.abort();
      await pacing;
    },
  };
}
