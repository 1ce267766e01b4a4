/** A broker in the hands of an attacker: it asks nobody who they are, forwards what it likes, and says what it likes. */
import { once } from "node:events";
import { createServer, type Socket } from "node:net";
import { Aedes, type AedesPublishPacket } from "aedes";
import { systemClock } from "../../../common/clock.ts";
import { openLog } from "../../../common/log.ts";
import { openTransferService } from "../../../controller/transfer/transfer-service.ts";
import type { DeviceId, FleetId, Sha256 } from "../../../protocol/ids.ts";
import { deviceTopics, fleetTopics } from "../../../protocol/topics.ts";
import type { ArchiveRef } from "../../../protocol/trust/deployment.ts";
import { archiveSourceOf } from "../../support/archive-in-memory.ts";

export interface RogueBroker extends AsyncDisposable {
  readonly url: string;
  /** To whoever listens; resolves when it is written to them. */
  readonly send: (topic: string, payload: Uint8Array | string) => Promise<void>;
  /** What honest clients published on a topic, oldest first. */
  readonly heard: (topic: string) => readonly Uint8Array[];
  /** Lets the transfer service, which is here too, serve these bytes. */
  readonly serve: (archive: Uint8Array) => ArchiveRef;
  /** Serves an archive's bytes under the digest of another. */
  readonly alias: (archive: ArchiveRef, sha256: Sha256) => ArchiveRef;
  /** What becomes of each message before it is forwarded; undefined: it is not. */
  meddle: (topic: string, payload: Uint8Array) => Uint8Array | undefined;
  /** Forwards everything as it is again, and forgets what was on its way. */
  readonly relent: () => Promise<void>;
  /** Ends every connection. */
  readonly cut: () => void;
}

/** Of each topic: more than any attempt looks back on. */
const HEARD_MAX = 200;

export async function openRogueBroker(fleet: FleetId, device: DeviceId): Promise<RogueBroker> {
  const log = openLog("rogue-broker", "silent");
  const heard = new Map<string, Uint8Array[]>();
  const archives = new Map<string, ReturnType<typeof archiveSourceOf>>();
  const forward: RogueBroker["meddle"] = (_topic, payload) => payload;
  const aedes = await Aedes.createBroker({
    authorizePublish: (_client, packet, done) => {
      const known = heard.get(packet.topic) ?? [];
      heard.set(packet.topic, [...known, Buffer.from(packet.payload)].slice(-HEARD_MAX));
      done(null);
    },
    authorizeForward: (_client, packet) => {
      const payload = broker.meddle(packet.topic, Buffer.from(packet.payload));
      return payload === undefined ? null : { ...packet, payload: Buffer.from(payload) };
    },
  });
  const sockets = new Set<Socket>();
  const server = createServer({ noDelay: true }, (socket) => {
    sockets.add(socket);
    socket.once("close", () => sockets.delete(socket));
    aedes.handle(socket);
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  const port = typeof address === "object" && address !== null ? address.port : 0;

  const publish = (topic: string, payload: Uint8Array | string, qos: 0 | 1) =>
    new Promise<void>((resolve, reject) => {
      const packet = { cmd: "publish", topic, payload: Buffer.from(payload), qos, retain: false, dup: false };
      aedes.publish(packet as AedesPublishPacket, (error) => {
        if (error) reject(error);
        else resolve();
      });
    });
  // A service has few transfers at once, and closes each only when it has long been unwanted: each attempt gets its own.
  const openTransfers = () =>
    openTransferService({
      fleet,
      publish: (topic, payload, { qos }) => publish(topic, payload, qos),
      openArchive: (digest) => Promise.resolve(archives.get(digest)),
      clock: systemClock,
      log,
    });
  let transfers = openTransfers();
  const wants = deviceTopics(fleet, device).want;
  aedes.subscribe(
    fleetTopics(fleet).upAny,
    (packet, done) => {
      if (packet.topic === wants) transfers.onWant(device, Buffer.from(packet.payload));
      done();
    },
    () => undefined,
  );

  const broker: RogueBroker = {
    url: `mqtt://127.0.0.1:${String(port)}`,
    send: (topic, payload) => publish(topic, payload, 1),
    heard: (topic) => heard.get(topic) ?? [],
    serve: (archive) => {
      const source = archiveSourceOf(archive);
      archives.set(source.archive.sha256, source);
      return source.archive;
    },
    alias: (archive, sha256) => {
      const source = archives.get(archive.sha256);
      const renamed = { ...archive, sha256 };
      if (source !== undefined) archives.set(sha256, { ...source, archive: renamed });
      return renamed;
    },
    meddle: forward,
    relent: async () => {
      broker.meddle = forward;
      const former = transfers;
      transfers = openTransfers();
      await former[Symbol.asyncDispose]();
    },
    cut: () => {
      for (const socket of sockets) socket.destroy();
    },
    [Symbol.asyncDispose]: async () => {
      await transfers[Symbol.asyncDispose]();
      for (const socket of sockets) socket.destroy();
      server.close();
      await new Promise<void>((resolve) => {
        aedes.close(() => {
          resolve();
        });
      });
    },
  };
  return broker;
}
