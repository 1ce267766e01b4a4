/** A process with some receivers, as real as those of the agent: a connection, a directory and a bitmap each. */
import { join } from "node:path";
import { systemClock } from "../../common/clock.ts";
import { openLog } from "../../common/log.ts";
import { openMqttLink } from "../../common/mqtt-link.ts";
import { openArchiveReceiver, type ArchiveReceiver } from "../../agent/transfer/archive-receiver.ts";
import { ALL_DEVICES, type DeviceId, type FleetId } from "../../protocol/ids.ts";
import { deviceTopics, groupTopics, parseTopic } from "../../protocol/topics.ts";
import type { ArchiveRef } from "../../protocol/trust/deployment.ts";

export interface ReceiversPlan {
  readonly url: string;
  readonly fleet: string;
  readonly devices: readonly string[];
  readonly directory: string;
  /** Spent over each frame: what a slow device is. */
  readonly frameMs: number;
}

/** Parent → child: fetch this. Child → parent: `ready`, then one for each device that has it. */
export interface FetchOrder {
  readonly archive: ArchiveRef;
}
export type ReceiverNews =
  { readonly kind: "ready" } | { readonly kind: "done"; readonly device: string; readonly tookMs: number };

const plan = JSON.parse(process.argv[2] ?? "{}") as ReceiversPlan;
const fleet = plan.fleet as FleetId;
const log = openLog("bench-receiver", process.env["FERRY_LOG"] ?? "error");
const ending = new AbortController();

async function openDevice(device: DeviceId) {
  const connected = Promise.withResolvers<undefined>();
  const opened: { receiver?: ArchiveReceiver } = {};
  const link = openMqttLink({
    url: plan.url,
    clientId: device,
    keepAliveSeconds: 60,
    subscriptions: new Map([
      [deviceTopics(fleet, device).chunk, 0],
      [groupTopics(fleet, ALL_DEVICES).command, 1],
    ]),
    onConnect: () => {
      connected.resolve(undefined);
      opened.receiver?.onConnect();
    },
    onMessage: async (topic, payload) => {
      if (parseTopic(topic).kind === "groupCommand") opened.receiver?.onGroupCommand(payload);
      else {
        if (plan.frameMs > 0) await systemClock.sleep(plan.frameMs);
        await opened.receiver?.onChunk(payload);
      }
    },
    clock: systemClock,
    log,
  });
  const directory = join(plan.directory, device);
  const receiver = openArchiveReceiver({ directory, fleet, device, link, clock: systemClock, log });
  opened.receiver = receiver;
  await connected.promise;
  return { device, link, receiver };
}

const devices = await Promise.all(plan.devices.map((device) => openDevice(device as DeviceId)));
const tell = (news: ReceiverNews) => process.send?.(news);

process.on("message", ({ archive }: FetchOrder) => {
  const startedMs = performance.now();
  for (const { device, receiver } of devices) {
    const fetched = receiver.fetch(archive, { signal: ending.signal });
    void fetched.then(() => tell({ kind: "done", device, tookMs: performance.now() - startedMs }));
  }
});
process.once("disconnect", () => {
  process.exit(0);
});
tell({ kind: "ready" });
