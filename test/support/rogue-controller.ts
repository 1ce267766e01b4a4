/**
 * A controller and its broker in the hands of an attacker: it has the director's key, the device CA and the broker's
 * port, and can send any device any bytes. What it lacks is the publisher's key.
 */
import { join } from "node:path";
import { systemClock } from "../../common/clock.ts";
import { readKeyFile } from "../../common/key-file.ts";
import type { Log } from "../../common/log.ts";
import { openMqttLink } from "../../common/mqtt-link.ts";
import { openEmbeddedBroker } from "../../controller/broker/embedded-broker.ts";
import type { ArchiveSource } from "../../controller/transfer/archive-source.ts";
import { openTransferService } from "../../controller/transfer/transfer-service.ts";
import { controllerPaths } from "../../controller/config.ts";
import { openAuthority } from "../../controller/enrol/authority.ts";
import { brokerTls } from "../../controller/enrol/broker-tls.ts";
import type { CallerId, DeviceId, FleetId } from "../../protocol/ids.ts";
import { CHUNK_BYTES } from "../../protocol/limits.ts";
import { parseHello } from "../../protocol/messages/hello.ts";
import { deviceTopics, fleetTopics, parseTopic } from "../../protocol/topics.ts";
import { chunkCount, chunkDigest, chunkListDigest } from "../../protocol/transfer/chunk-list.ts";
import { signDeployment, type ArchiveRef, type DeployedSlot } from "../../protocol/trust/deployment.ts";
import { sha256 } from "../../protocol/trust/digest.ts";
import { keySigner } from "../../protocol/trust/keys.ts";

export interface RogueOptions {
  readonly home: string;
  readonly fleet: FleetId;
  readonly port: number;
  /** What each device is told to run, from bytes in memory. */
  readonly deployments: ReadonlyMap<DeviceId, RogueDeployment>;
  readonly log: Log;
}

export interface RogueDeployment {
  readonly slot: Omit<DeployedSlot, "archive">;
  readonly archive: Uint8Array;
}

export async function openRogueController({
  home,
  fleet,
  port,
  deployments,
  log,
}: RogueOptions): Promise<AsyncDisposable> {
  const director = keySigner(await readKeyFile(join(home, "controller", "director.key.pem")));
  const sources = new Map([...deployments.values()].map(({ archive }) => [sha256(archive), archive]));
  const resources = new AsyncDisposableStack();
  const authority = await openAuthority(controllerPaths(home).authority);
  const own = await authority.newClient("controller" as CallerId, Date.now());
  const tls = brokerTls(authority, await authority.newServer(["127.0.0.1"], Date.now()));
  const broker = resources.use(await openEmbeddedBroker({ host: "127.0.0.1", port, tls, log }));

  const onHello = async (device: DeviceId, payload: Uint8Array) => {
    const wish = deployments.get(device);
    if (wish === undefined) return;
    const hello = parseHello(payload);
    const nowMs = Date.now();
    const envelope = await signDeployment(
      {
        v: 1,
        fleet,
        device,
        seq: hello.seq + 1,
        rootVersion: hello.rootVersion,
        issued: new Date(nowMs).toISOString(),
        expires: new Date(nowMs + 86_400_000).toISOString(),
        nonce: hello.nonce,
        slots: [{ ...wish.slot, archive: archiveRef(wish.archive) }],
      },
      director,
    );
    await link.publish(deviceTopics(fleet, device).desired, JSON.stringify(envelope), { qos: 1, retain: true });
  };

  const link = resources.use(
    openMqttLink({
      url: broker.url,
      tls: () => ({ ca: authority.certificatePem, ...own }),
      clientId: "controller",
      keepAliveSeconds: 60,
      subscriptions: new Map([[fleetTopics(fleet).upAny, 1]]),
      onConnect: () => undefined,
      onMessage: (topic, payload) => {
        const parsed = parseTopic(topic);
        if (parsed.kind === "hello") void onHello(parsed.device, payload);
        if (parsed.kind === "want") transfers.onWant(parsed.device, payload);
      },
      clock: systemClock,
      log,
    }),
  );
  const transfers = resources.use(
    openTransferService({
      fleet,
      publish: link.publish,
      openArchive: (digest) => Promise.resolve(archiveSource(sources.get(digest))),
      clock: systemClock,
      log,
    }),
  );
  return resources;
}

function chunksOf(archive: Uint8Array): readonly Uint8Array[] {
  return Array.from({ length: chunkCount(archive.byteLength) }, (_, at) =>
    archive.subarray(at * CHUNK_BYTES, (at + 1) * CHUNK_BYTES),
  );
}

function archiveRef(archive: Uint8Array): ArchiveRef {
  const digests = Buffer.concat(chunksOf(archive).map(chunkDigest));
  return { sha256: sha256(archive), length: archive.byteLength, chunkList: chunkListDigest(digests) };
}

function archiveSource(archive: Uint8Array | undefined): ArchiveSource | undefined {
  if (archive === undefined) return undefined;
  const chunks = chunksOf(archive);
  return {
    archive: archiveRef(archive),
    chunkDigests: Buffer.concat(chunks.map(chunkDigest)),
    read: (index) => Promise.resolve(chunks[index] ?? new Uint8Array()),
    [Symbol.asyncDispose]: () => Promise.resolve(),
  };
}

/** The same archive with one byte of one entry flipped: only the publisher's signature can tell. */
export function withOneByteFlipped(archive: Uint8Array, entry: string): Uint8Array {
  const flipped = Buffer.from(archive);
  // ustar: headers of 512 bytes begin with the entry's name; its bytes follow.
  const name = `${entry}\0`;
  for (let header = 0; header < flipped.byteLength; header += 512) {
    if (flipped.toString("latin1", header, header + name.length) !== name) continue;
    const at = header + 512 + 100;
    flipped.writeUInt8(flipped.readUInt8(at) ^ 0x01, at);
    return flipped;
  }
  throw new Error(`the archive has no entry ${entry}`);
}
