import { systemClock } from "../../common/clock.ts";
import { openLog } from "../../common/log.ts";
import { openMqttLink } from "../../common/mqtt-link.ts";
import { CONTROLLER_CLIENT } from "../../controller/broker/access.ts";
import {
  openTransferService,
  type TransferService,
  type TransferStatus,
} from "../../controller/transfer/transfer-service.ts";
import type { FleetId } from "../../protocol/ids.ts";
import { fleetTopics, parseTopic } from "../../protocol/topics.ts";
import { openGenerated, type ArchivePaths } from "./generated-archive.ts";

export const BENCH_FLEET = "bench" as FleetId;

/** The controller's half of a transfer, with nothing else of the controller around it. */
export async function openBenchController(url: string, paths: ArchivePaths) {
  const log = openLog("bench-controller", process.env["FERRY_LOG"] ?? "error");
  const connected = Promise.withResolvers<undefined>();
  const opened: { service?: TransferService } = {};
  const link = openMqttLink({
    url,
    clientId: CONTROLLER_CLIENT,
    keepAliveSeconds: 60,
    subscriptions: new Map([[fleetTopics(BENCH_FLEET).upAny, 0]]),
    onConnect: () => {
      connected.resolve(undefined);
    },
    onMessage: (topic, payload) => {
      const parsed = parseTopic(topic);
      if (parsed.kind === "want") opened.service?.onWant(parsed.device, payload);
    },
    clock: systemClock,
    log,
  });
  await connected.promise;
  const openArchive = () => openGenerated(paths);
  const service = openTransferService({
    fleet: BENCH_FLEET,
    publish: link.publish,
    openArchive,
    clock: systemClock,
    log,
  });
  opened.service = service;
  const source = await openArchive();
  const { archive } = source;
  await source[Symbol.asyncDispose]();
  let last: Pick<TransferStatus, "broadcastBytes" | "unicastBytes"> = { broadcastBytes: 0, unicastBytes: 0 };
  return {
    archive,
    /** What was sent so far; the service forgets a transfer some seconds after its end. */
    look: () => (last = service.active().find((status) => status.archive === archive.sha256) ?? last),
    [Symbol.asyncDispose]: async () => {
      await service[Symbol.asyncDispose]();
      await link[Symbol.asyncDispose]();
    },
  };
}
