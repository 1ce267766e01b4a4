/**
 * The telemetry of a device as a process that can be killed: a real outbox, uplink and MQTT link. It appends records until it
 * is told to rest (a line on standard input), and says after each burst what its outbox has taken in. Its network loses,
 * fails and doubles batches, as the seed decides. Argument: ChaosDeviceOptions as JSON.
 */
import { createInterface } from "node:readline";
import { openOutbox } from "../../../agent/telemetry/outbox.ts";
import { createAckInbox } from "../../../agent/telemetry/ack-inbox.ts";
import { runUplink } from "../../../agent/telemetry/uplink.ts";
import { systemClock as clock } from "../../../common/clock.ts";
import { openLog } from "../../../common/log.ts";
import { openMqttLink } from "../../../common/mqtt-link.ts";
import type { DeviceId, FleetId } from "../../../protocol/ids.ts";
import { deviceTopics } from "../../../protocol/topics.ts";
import { seededRandom } from "../seeded-random.ts";

export interface ChaosDeviceOptions {
  readonly outbox: string;
  readonly broker: string;
  readonly fleet: FleetId;
  readonly device: DeviceId;
  readonly seed: number;
  /** The first of the numbers that its records carry. */
  readonly firstN: number;
}

export interface ChaosDeviceSays {
  /** Everything before it is on the disk, or declared there: no kill takes it. */
  readonly takenN: number;
  /** Everything before it was measured. */
  readonly appendedN: number;
  readonly stream: string;
  readonly produced: number;
  readonly isDrained: boolean;
}

/** Small, so that an outage of seconds overflows it. */
const CAP_BYTES = 1024 ** 2;
const BURST_RECORDS_MAX = 120;
const BURST_EVERY_MS = 40;
const DOUBLED = 0.15;
const LOST = 0.1;

// The driver of the test wrote it.
const options = JSON.parse(process.argv[2] ?? "") as ChaosDeviceOptions;
const random = seededRandom(options.seed);
const log = openLog("chaos", "fatal");
const topics = deviceTopics(options.fleet, options.device);
const outbox = openOutbox(options.outbox, { clock, log, capBytes: CAP_BYTES });
const acks = createAckInbox({ clock, log });
const link = openMqttLink({
  url: options.broker,
  clientId: options.device,
  keepAliveSeconds: 5,
  subscriptions: new Map([[topics.telemetryAck, 0]]),
  onConnect: () => undefined,
  onMessage: (_topic, payload) => {
    if (random() >= LOST) acks.put(payload);
  },
  clock,
  log,
});
const never = new AbortController().signal;
void runUplink(
  {
    outbox,
    acks,
    session: () => link.session,
    publish: async (payload) => {
      if (random() < LOST) return;
      await link.publish(topics.telemetry, payload, { qos: 1 });
      if (random() < DOUBLED) await link.publish(topics.telemetry, payload, { qos: 1 });
    },
    clock,
    random,
    log,
    lingerMs: 50,
    retry: { firstMs: 300, mostMs: 1_200 },
  },
  never,
);

const resting = new AbortController();
createInterface({ input: process.stdin }).on("line", () => {
  resting.abort();
});
const text = "x".repeat(250);
let n = options.firstN;
let takenN = n;
for (;;) {
  for (
    let count = resting.signal.aborted ? 0 : Math.ceil(random() * BURST_RECORDS_MAX);
    count > 0;
    count -= 1, n += 1
  ) {
    const kind = random();
    if (kind < 0.1) outbox.append("event", { event: "swapped", n });
    else if (kind < 0.5) outbox.append("health", { n, text });
    // Without a slot: a record that nothing can be added to.
    else outbox.append("inference", { n, text });
  }
  outbox.flush();
  if (outbox.unwritten === 0) takenN = n;
  const says: ChaosDeviceSays = {
    takenN,
    appendedN: n,
    stream: outbox.stream,
    produced: outbox.produced,
    isDrained: outbox.unwritten === 0 && outbox.lanes().length === 1 && outbox.pending === 0,
  };
  process.stdout.write(`${JSON.stringify(says)}\n`);
  await clock.sleep(BURST_EVERY_MS);
}
