import { once } from "node:events";
import mqtt from "mqtt";
import { systemClock } from "../../common/clock.ts";
import { CONTROLLER_CLIENT } from "../../controller/broker/access.ts";
import { ALL_DEVICES, type FleetId, type TransferId } from "../../protocol/ids.ts";
import { CHUNK_BYTES } from "../../protocol/limits.ts";
import { groupTopics } from "../../protocol/topics.ts";
import type { BareNews } from "./bare-subscribers.ts";
import { endChild, forkModule } from "./transfer-brokers.ts";

export interface BareResult {
  /** What the slowest subscriber got per second. */
  readonly bytesPerSecond: number;
  /** Frames that never came, of all. */
  readonly lostShare: number;
}

/** Frames sent ahead of the slowest subscriber: without such a bound a broker drops or hoards most of them. */
const AHEAD_MAX = 48;
const QUIET_MS = 2_000;

/** The same bytes to as many plain subscribers, as fast as the slowest of them takes them; nothing is checked or stored. */
export async function bareBroadcast(url: string, subscribers: number, lengthBytes: number): Promise<BareResult> {
  const topic = groupTopics("bench" as FleetId, ALL_DEVICES).chunk("00000000000000ff" as TransferId);
  const child = forkModule("bare-subscribers.ts", [JSON.stringify({ url, subscribers, topic })]);
  let slowest = 0;
  let total = 0;
  await once(child, "message");
  child.on("message", ({ frames }: BareNews) => {
    slowest = Math.min(...frames);
    total = frames.reduce((sum, count) => sum + count, 0);
  });
  const publisher = await mqtt.connectAsync(url, { clientId: CONTROLLER_CLIENT });
  const payload = Buffer.alloc(CHUNK_BYTES, 1);
  const wanted = Math.ceil(lengthBytes / CHUNK_BYTES);
  const startedMs = performance.now();
  let movedAtMs = startedMs;
  let before = 0;
  let sent = 0;
  while (slowest < wanted && performance.now() - movedAtMs < QUIET_MS) {
    if (sent < wanted && sent - slowest < AHEAD_MAX) {
      await publisher.publishAsync(topic, payload);
      sent += 1;
    } else await systemClock.sleep(5);
    if (total > before) movedAtMs = performance.now();
    before = total;
  }
  const tookMs = movedAtMs - startedMs;
  await publisher.endAsync();
  await endChild(child);
  return {
    bytesPerSecond: (slowest * CHUNK_BYTES) / (tookMs / 1_000),
    lostShare: 1 - total / (wanted * subscribers),
  };
}
