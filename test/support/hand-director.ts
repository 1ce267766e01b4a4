/** A broker, a director and the transfer service in the hands of a test: it deploys what the test says, no more. */
import { systemClock } from "../../common/clock.ts";
import { openLog } from "../../common/log.ts";
import { openMqttLink, type MqttLink } from "../../common/mqtt-link.ts";
import { CONTROLLER_CLIENT } from "../../controller/broker/access.ts";
import { openEmbeddedBroker } from "../../controller/broker/embedded-broker.ts";
import type { ArchiveSource } from "../../controller/transfer/archive-source.ts";
import { openTransferService } from "../../controller/transfer/transfer-service.ts";
import type { DeviceId, FleetId, Sha256 } from "../../protocol/ids.ts";
import { CHUNK_BYTES } from "../../protocol/limits.ts";
import { parseDeviceInfo, type DeviceInfo } from "../../protocol/messages/device-info.ts";
import { parseDeviceState, type DeviceState } from "../../protocol/messages/device-state.ts";
import { parseHello, type Hello } from "../../protocol/messages/hello.ts";
import { deviceTopics, fleetTopics, parseTopic } from "../../protocol/topics.ts";
import { chunkDigest, chunkListDigest } from "../../protocol/transfer/chunk-list.ts";
import {
  signDeployment,
  type ArchiveRef,
  type DeployedSlot,
  type Deployment,
} from "../../protocol/trust/deployment.ts";
import { sha256 } from "../../protocol/trust/digest.ts";
import { countSigningKeys, parseEnvelope } from "../../protocol/trust/dsse.ts";
import { publicKeyFromPem, type Signer } from "../../protocol/trust/keys.ts";
import { reportIn, type Report } from "../../protocol/trust/report.ts";
import type { TrustRoot } from "../../protocol/trust/root.ts";

export interface HandDirector extends AsyncDisposable {
  readonly brokerUrl: string;
  readonly link: MqttLink;
  /** Signs the next deployment and publishes it; answers each hello with it from then on. */
  readonly deploy: (slots: readonly DeployedSlot[], changes?: Partial<Deployment>) => Promise<void>;
  /** Lets the transfer service serve these bytes. */
  readonly serve: (archive: Uint8Array) => ArchiveRef;
  /** While true, hellos get no answer. */
  silent: boolean;
  /** Not silent any more: answers the hello that came last. */
  readonly answerLate: () => Promise<void>;
  readonly hellos: readonly Hello[];
  /** The newest report whose signature holds. */
  readonly report: () => Report | undefined;
  readonly info: () => DeviceInfo | undefined;
  readonly state: () => DeviceState | undefined;
}

export interface HandDirectorOptions {
  readonly fleet: FleetId;
  readonly device: DeviceId;
  readonly director: Signer;
  readonly roots: readonly TrustRoot[];
  /** Bounds the pace of transfers, so that a test can interrupt one. */
  readonly bytesPerSecond?: number;
}

export async function openHandDirector(options: HandDirectorOptions): Promise<HandDirector> {
  const { fleet, device, director, roots } = options;
  const log = openLog("hand-director", process.env["FERRY_LOG"] ?? "silent");
  await using resources = new AsyncDisposableStack();
  const broker = resources.use(await openEmbeddedBroker({ host: "127.0.0.1", port: 0, log }));
  const archives = new Map<Sha256, ArchiveSource>();
  const hellos: Hello[] = [];
  const state = { silent: false, seq: 1, slots: [] as readonly DeployedSlot[], changes: {} as Partial<Deployment> };
  let info: DeviceInfo | undefined;
  let report: Report | undefined;
  let deviceState: DeviceState | undefined;

  const connected = Promise.withResolvers<unknown>();
  const link = resources.use(
    openMqttLink({
      url: broker.url,
      clientId: CONTROLLER_CLIENT,
      keepAliveSeconds: 60,
      subscriptions: new Map([[fleetTopics(fleet).upAny, 1]]),
      onConnect: connected.resolve,
      onMessage: hear,
      clock: systemClock,
      log,
    }),
  );
  const transfers = resources.use(
    openTransferService({
      fleet,
      publish: (...message) => link.publish(...message),
      openArchive: (digest) => Promise.resolve(archives.get(digest)),
      ...(options.bytesPerSecond === undefined ? {} : { maxBytesPerSecond: options.bytesPerSecond }),
      clock: systemClock,
      log,
    }),
  );
  await connected.promise;
  for (const root of roots)
    await link.publish(fleetTopics(fleet).root(root.version), root.bytes, { qos: 1, retain: true });

  function hear(topic: string, payload: Uint8Array): void {
    const { kind } = parseTopic(topic);
    if (kind === "info") info = parseDeviceInfo(payload);
    if (kind === "state") deviceState = parseDeviceState(payload);
    if (kind === "want") transfers.onWant(device, payload);
    if (kind === "report" && info !== undefined) {
      const envelope = parseEnvelope(payload);
      if (countSigningKeys(envelope, [publicKeyFromPem(info.publicKey)]) === 1) report = reportIn(envelope);
    }
    if (kind === "hello") {
      const hello = parseHello(payload);
      hellos.push(hello);
      // Not awaited: the acknowledgement of a publish is read only after this message has been dealt with.
      if (!state.silent) void issue(hello.nonce).catch(() => undefined);
    }
  }

  async function issue(nonce?: string): Promise<void> {
    const nowMs = Date.now();
    const deployment: Deployment = {
      v: 1,
      fleet,
      device,
      seq: state.seq,
      rootVersion: roots.length,
      issued: new Date(nowMs).toISOString(),
      expires: new Date(nowMs + 86_400_000).toISOString(),
      ...(nonce === undefined ? {} : { nonce }),
      slots: [...state.slots],
      ...state.changes,
    };
    const envelope = JSON.stringify(await signDeployment(deployment, director));
    await link.publish(deviceTopics(fleet, device).desired, envelope, { qos: 1, retain: true });
  }

  const opened = resources.move();
  return {
    brokerUrl: broker.url,
    link,
    deploy: async (slots, changes = {}) => {
      state.seq += 1;
      state.slots = slots;
      state.changes = changes;
      await issue();
    },
    serve: (archive) => {
      const source = sourceOf(archive);
      archives.set(source.archive.sha256, source);
      return source.archive;
    },
    get silent() {
      return state.silent;
    },
    set silent(silent) {
      state.silent = silent;
    },
    answerLate: async () => {
      state.silent = false;
      const last = hellos.at(-1);
      if (last !== undefined) await issue(last.nonce);
    },
    hellos,
    report: () => report,
    info: () => info,
    state: () => deviceState,
    [Symbol.asyncDispose]: () => opened.disposeAsync(),
  };
}

function sourceOf(archive: Uint8Array): ArchiveSource {
  const count = Math.ceil(archive.byteLength / CHUNK_BYTES);
  const chunkAt = (index: number) => archive.subarray(index * CHUNK_BYTES, (index + 1) * CHUNK_BYTES);
  const chunkDigests = Buffer.concat(Array.from({ length: count }, (_, index) => chunkDigest(chunkAt(index))));
  return {
    archive: { sha256: sha256(archive), length: archive.byteLength, chunkList: chunkListDigest(chunkDigests) },
    chunkDigests,
    read: (index) => Promise.resolve(chunkAt(index)),
    [Symbol.asyncDispose]: () => Promise.resolve(),
  };
}
