import type { Clock } from "../../common/clock.ts";
import { messageOf } from "../../common/ferry-error.ts";
import type { Log } from "../../common/log.ts";
import type { StreamId } from "../../protocol/ids.ts";
import { parseTelemetryAck, type TelemetryAck } from "../../protocol/messages/telemetry-ack.ts";

/** Hands acknowledgements from the link to the uplink, and wakes it. */
export interface AckInbox {
  /** One message of the topic `telemetryAck`; anything else is logged and left. */
  readonly put: (payload: Uint8Array) => void;
  /** The newest acknowledgement of each stream since the last call. */
  readonly take: () => readonly TelemetryAck[];
  /** Resolves when there is something to take, after the time, or on abort. */
  readonly wait: (ms: number, signal: AbortSignal) => Promise<void>;
}

/** Acknowledgements are cumulative, so one for each stream is enough; an outbox has at most 8 streams. */
const STREAMS_MAX = 16;

export function createAckInbox({ clock, log }: { readonly clock: Clock; readonly log: Log }): AckInbox {
  const newest = new Map<StreamId, TelemetryAck>();
  let waking = new AbortController();
  return {
    put: (payload) => {
      try {
        const ack = parseTelemetryAck(payload);
        if (newest.size >= STREAMS_MAX && !newest.has(ack.stream)) return;
        const known = newest.get(ack.stream);
        // What tells of another copy stays until it was taken.
        if (known?.reusedFrom === undefined && ack.next >= (known?.next ?? 0)) newest.set(ack.stream, ack);
        waking.abort();
      } catch (error) {
        log.warn({ error: messageOf(error) }, "an unreadable telemetry acknowledgement was left aside");
      }
    },
    take: () => {
      waking = new AbortController();
      const acks = [...newest.values()];
      newest.clear();
      return acks;
    },
    wait: (ms, signal) => clock.sleep(ms, AbortSignal.any([signal, waking.signal])),
  };
}
