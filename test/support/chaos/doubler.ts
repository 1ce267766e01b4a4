/** Somebody on the broker who says batches of telemetry again, some of them late: as QoS 1 allows every broker to do. */
import { systemClock as clock } from "../../../common/clock.ts";
import { openLog } from "../../../common/log.ts";
import { openMqttLink } from "../../../common/mqtt-link.ts";
import { parseTopic } from "../../../protocol/topics.ts";

const DOUBLED = 0.3;
const LATE_MS_MAX = 2_000;

export interface Doubler extends AsyncDisposable {
  readonly doubled: () => number;
}

export function openDoubler(broker: string, random: () => number): Doubler {
  let doubled = 0;
  const closing = new AbortController();
  const waiting = new Set<Promise<void>>();
  const again = async (topic: string, payload: Uint8Array) => {
    await clock.sleep(random() * LATE_MS_MAX, closing.signal);
    // Where the broker is away, nothing is said again.
    await link.publish(topic, payload, { qos: 1 }).then(
      () => (doubled += 1),
      () => undefined,
    );
  };
  const link = openMqttLink({
    url: broker,
    clientId: "doubler",
    keepAliveSeconds: 5,
    subscriptions: new Map([["#", 0]]),
    onConnect: () => undefined,
    onMessage: (topic, payload) => {
      if (parseTopic(topic).kind !== "telemetry" || random() >= DOUBLED) return;
      const saying = again(topic, Uint8Array.from(payload)).finally(() => waiting.delete(saying));
      waiting.add(saying);
    },
    clock,
    log: openLog("chaos", "fatal"),
  });
  return {
    doubled: () => doubled,
    [Symbol.asyncDispose]: async () => {
      closing.abort();
      await link[Symbol.asyncDispose]();
      await Promise.all(waiting);
    },
  };
}
