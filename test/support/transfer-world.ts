import {
  openArchiveReceiver,
  type ArchiveReceiver,
  type FetchedArchive,
} from "../../agent/transfer/archive-receiver.ts";
import type { Clock } from "../../common/clock.ts";
import { openLog } from "../../common/log.ts";
import type { MqttLink } from "../../common/mqtt-link.ts";
import { openTransferService, type TransferService } from "../../controller/transfer/transfer-service.ts";
import type { ArchiveSource } from "../../controller/transfer/archive-source.ts";
import { ALL_DEVICES, type DeviceId, type FleetId, type Sha256 } from "../../protocol/ids.ts";
import { deviceTopics, fleetTopics, groupTopics, parseTopic } from "../../protocol/topics.ts";
import type { VirtualBroker, VirtualLink } from "./virtual-broker.ts";

export const FLEET = "fleet" as FleetId;

/** Time that runs faster, so that waits of seconds do not make a test slow; the disk is as fast as ever. */
export function fasterClock(factor: number): Clock {
  const nowMs = () => performance.now() * factor;
  return {
    nowMs,
    monotonicMs: nowMs,
    sleep: (ms, signal) =>
      new Promise((resolve) => {
        const end = () => {
          clearTimeout(timer);
          signal?.removeEventListener("abort", end);
          resolve();
        };
        const timer = setTimeout(end, ms / factor);
        if (signal?.aborted === true) end();
        else signal?.addEventListener("abort", end);
      }),
  };
}

/** What of a controller's and of a device's messages concerns transfer, sent to where it belongs. */
export function controllerRoutes(service: () => TransferService | undefined) {
  return (topic: string, payload: Uint8Array): void => {
    const parsed = parseTopic(topic);
    if (parsed.kind === "want") service()?.onWant(parsed.device, payload);
  };
}

export function deviceRoutes(receiver: () => ArchiveReceiver | undefined) {
  return async (topic: string, payload: Uint8Array): Promise<void> => {
    if (parseTopic(topic).kind === "groupCommand") receiver()?.onGroupCommand(payload);
    else await receiver()?.onChunk(payload);
  };
}

export interface WorldController {
  readonly service: TransferService;
  readonly link: VirtualLink;
}

export function openWorldController(
  broker: VirtualBroker,
  clock: Clock,
  openArchive: (sha256: Sha256) => ArchiveSource | undefined,
  options: { readonly maxBytesPerSecond?: number } = {},
): WorldController {
  const opened: { service?: TransferService } = {};
  const link = broker.connect(
    "controller",
    controllerRoutes(() => opened.service),
  );
  void link.subscribe(fleetTopics(FLEET).upAny, 0);
  const log = openLog("test-controller", "silent");
  const ports = { fleet: FLEET, publish: link.publish, clock, log, ...options };
  opened.service = openTransferService({ ...ports, openArchive: (sha256) => Promise.resolve(openArchive(sha256)) });
  return { service: opened.service, link };
}

export interface WorldDevice {
  readonly device: DeviceId;
  readonly receiver: ArchiveReceiver;
  readonly link: VirtualLink;
  readonly fetched: readonly FetchedArchive[];
}

export function openWorldDevice(broker: VirtualBroker, clock: Clock, name: string, directory: string): WorldDevice {
  const device = name as DeviceId;
  const opened: { receiver?: ArchiveReceiver } = {};
  const link = broker.connect(
    name,
    deviceRoutes(() => opened.receiver),
  );
  for (const topic of deviceSubscriptions(device).keys()) void link.subscribe(topic, 0);
  const log = openLog("test-device", "silent");
  const fetched: FetchedArchive[] = [];
  opened.receiver = openArchiveReceiver({
    directory,
    fleet: FLEET,
    device,
    link,
    onFetched: (one) => fetched.push(one),
    clock,
    log,
  });

  return { device, receiver: opened.receiver, link, fetched };
}

export function deviceSubscriptions(device: DeviceId): Map<string, 0 | 1> {
  return new Map<string, 0 | 1>([
    [deviceTopics(FLEET, device).chunk, 0],
    [groupTopics(FLEET, ALL_DEVICES).command, 1],
  ]);
}

export type TransferLink = Pick<MqttLink, "publish" | "subscribe" | "unsubscribe">;
