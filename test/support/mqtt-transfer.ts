import { openArchiveReceiver, type ArchiveReceiver } from "../../agent/transfer/archive-receiver.ts";
import { systemClock as clock } from "../../common/clock.ts";
import { openLog } from "../../common/log.ts";
import { openMqttLink } from "../../common/mqtt-link.ts";
import { CONTROLLER_CLIENT } from "../../controller/broker/access.ts";
import type { ArchiveSource } from "../../controller/transfer/archive-source.ts";
import { openTransferService, type TransferService } from "../../controller/transfer/transfer-service.ts";
import type { DeviceId, Sha256 } from "../../protocol/ids.ts";
import { fleetTopics } from "../../protocol/topics.ts";
import { controllerRoutes, deviceRoutes, deviceSubscriptions, FLEET } from "./transfer-world.ts";

const log = openLog("test-transfer", "silent");
const KEEP_ALIVE_SECONDS = 60;

/** The controller's half of a transfer, on a real connection. */
export async function openMqttController(
  url: string,
  openArchive: (sha256: Sha256) => ArchiveSource | undefined,
  options: { readonly maxBytesPerSecond?: number } = {},
): Promise<{ readonly service: TransferService } & AsyncDisposable> {
  const connected = Promise.withResolvers<undefined>();
  const opened: { service?: TransferService } = {};
  const link = openMqttLink({
    url,
    clientId: CONTROLLER_CLIENT,
    keepAliveSeconds: KEEP_ALIVE_SECONDS,
    subscriptions: new Map([[fleetTopics(FLEET).upAny, 0]]),
    onConnect: () => {
      connected.resolve(undefined);
    },
    onMessage: controllerRoutes(() => opened.service),
    clock,
    log,
  });
  await connected.promise;
  const ports = { fleet: FLEET, publish: link.publish, clock, log, ...options };
  const service = openTransferService({ ...ports, openArchive: (sha256) => Promise.resolve(openArchive(sha256)) });
  opened.service = service;
  return {
    service,
    [Symbol.asyncDispose]: async () => {
      await service[Symbol.asyncDispose]();
      await link[Symbol.asyncDispose]();
    },
  };
}

/** A device's half. `beforeEach` is waited for before each message: what makes a device slow, or freezes it. */
export async function openMqttReceiver(
  url: string,
  name: string,
  directory: string,
  beforeEach: () => Promise<void> = () => Promise.resolve(),
): Promise<{ readonly receiver: ArchiveReceiver } & AsyncDisposable> {
  const device = name as DeviceId;
  const connected = Promise.withResolvers<undefined>();
  const opened: { receiver?: ArchiveReceiver } = {};
  const route = deviceRoutes(() => opened.receiver);
  const link = openMqttLink({
    url,
    clientId: device,
    keepAliveSeconds: KEEP_ALIVE_SECONDS,
    subscriptions: deviceSubscriptions(device),
    onConnect: () => {
      connected.resolve(undefined);
      opened.receiver?.onConnect();
    },
    onMessage: async (topic, payload) => {
      await beforeEach();
      await route(topic, payload);
    },
    clock,
    log,
  });
  await connected.promise;
  const receiver = openArchiveReceiver({ directory, fleet: FLEET, device, link, clock, log });
  opened.receiver = receiver;
  return {
    receiver,
    [Symbol.asyncDispose]: async () => {
      await receiver[Symbol.asyncDispose]();
      await link[Symbol.asyncDispose]();
    },
  };
}
