/** Devices that are connected and publish; some of them are revoked, one after another. */
import { once } from "node:events";
import { connect } from "node:tls";
import { systemClock } from "../../common/clock.ts";
import { openLog } from "../../common/log.ts";
import { openMqttLink, type MqttLink, type TlsCredentials } from "../../common/mqtt-link.ts";
import type { DeviceId, FleetId, StreamId } from "../../protocol/ids.ts";
import { encodeTelemetryBatch } from "../../protocol/messages/telemetry-batch.ts";
import { deviceTopics } from "../../protocol/topics.ts";
import { sha256 } from "../../protocol/trust/digest.ts";
import { until } from "../../test/support/until.ts";

export interface Enrolled {
  readonly device: DeviceId;
  readonly tls: TlsCredentials;
}

export interface RevocationPlan {
  readonly fleet: FleetId;
  readonly brokerUrl: string;
  readonly devices: readonly Enrolled[];
  /** The first so many of them are revoked. */
  readonly revoked: number;
  readonly revoke: (device: DeviceId) => Promise<unknown>;
}

interface RevocationFigures {
  /** From the request to the end of the connection. */
  readonly cutMs: readonly number[];
  /** From the request until a new connection with the same certificate had been tried and refused. */
  readonly refusedMs: readonly number[];
  /** Connections that came about after the controller had said that they would not. */
  readonly breaches: number;
  readonly publishedPerSecond: number;
}

/** Of each device: many more than a heartbeat, so that the broker has something else to do. */
const PUBLISH_EVERY_MS = 200;
/** Between two revocations. */
const REST_MS = 100;

export async function measureRevocation(plan: RevocationPlan): Promise<RevocationFigures> {
  const connected = plan.devices.map((device) => openDevice(plan, device));
  try {
    await until("all devices are connected", () => connected.every(({ isConnected }) => isConnected()), {
      timeoutMs: 120_000,
    });
    const load = new AbortController();
    const publishing = connected.map((device) => device.publishUntil(load.signal));
    const startedMs = performance.now();
    const [cutMs, refusedMs]: [number[], number[]] = [[], []];
    let breaches = 0;
    for (const device of connected.slice(0, plan.revoked)) {
      await systemClock.sleep(REST_MS);
      const askedMs = performance.now();
      const cut = device.cut.then((atMs) => cutMs.push(atMs - askedMs));
      await plan.revoke(device.device);
      if (await isLetIn(plan.brokerUrl, device)) breaches += 1;
      refusedMs.push(performance.now() - askedMs);
      await cut;
    }
    load.abort();
    const published = (await Promise.all(publishing)).reduce((sum, count) => sum + count, 0);
    const seconds = (performance.now() - startedMs) / 1_000;
    const returned = connected.slice(0, plan.revoked).filter(({ connections }) => connections() > 1).length;
    return { cutMs, refusedMs, breaches: breaches + returned, publishedPerSecond: published / seconds };
  } finally {
    await Promise.all(connected.map(({ link }) => link[Symbol.asyncDispose]()));
  }
}

interface ConnectedDevice extends Enrolled {
  readonly link: MqttLink;
  readonly isConnected: () => boolean;
  readonly connections: () => number;
  /** Resolves to when the first connection ended. */
  readonly cut: Promise<number>;
  /** Resolves to how many it published. */
  readonly publishUntil: (signal: AbortSignal) => Promise<number>;
}

function openDevice({ fleet, brokerUrl }: RevocationPlan, { device, tls }: Enrolled): ConnectedDevice {
  const cut = Promise.withResolvers<number>();
  let connections = 0;
  const link = openMqttLink({
    url: brokerUrl,
    tls: () => tls,
    clientId: device,
    keepAliveSeconds: 60,
    subscriptions: new Map([[deviceTopics(fleet, device).desired, 1]]),
    onConnect: () => {
      connections += 1;
    },
    onDisconnect: () => {
      cut.resolve(performance.now());
    },
    onMessage: () => undefined,
    clock: systemClock,
    log: openLog("bench-device", "silent"),
  });
  return {
    device,
    tls,
    link,
    isConnected: () => link.session !== undefined,
    connections: () => connections,
    cut: cut.promise,
    publishUntil: (signal) => publishUntil(link, fleet, device, signal),
  };
}

/** One record of telemetry after another, each acknowledged by the broker. */
async function publishUntil(link: MqttLink, fleet: FleetId, device: DeviceId, signal: AbortSignal): Promise<number> {
  const stream = sha256(device).slice(0, 32) as StreamId;
  const topic = deviceTopics(fleet, device).telemetry;
  let seq = 0;
  while (!signal.aborted) {
    await systemClock.sleep(PUBLISH_EVERY_MS, signal);
    if (link.session === undefined) continue;
    const records = [{ seq, atMs: Date.now(), kind: "health", fields: { cpuPercent: 12.5 } }] as const;
    const batch = encodeTelemetryBatch({ stream, acked: 0, from: seq, next: seq + 1, backfill: false, records });
    // What a device that is being revoked still had to say is lost.
    await link.publish(topic, batch, { qos: 1 }).then(
      () => (seq += 1),
      () => undefined,
    );
  }
  return seq;
}

/** Whether the broker takes a new connection with this certificate: otherwise it says why not, or just ends it. */
async function isLetIn(brokerUrl: string, { device, tls }: Enrolled): Promise<boolean> {
  const { hostname, port } = new URL(brokerUrl);
  const socket = connect({ host: hostname, port: Number(port), ...tls });
  socket.on("secureConnect", () => socket.write(connectPacket(device)));
  socket.on("error", () => undefined);
  const closed = once(socket, "close").then(() => false);
  const answered = once(socket, "data")
    .then(([packet]: Buffer[]) => packet?.equals(ACCEPTED) === true)
    .catch(() => closed);
  const isIn = await Promise.race([answered, closed]);
  socket.destroy();
  return isIn;
}

/** [MQTT-3.2]: CONNACK without a session, return code 0. */
const ACCEPTED = Buffer.of(0x20, 2, 0, 0);

/** [MQTT-3.1]: CONNECT of MQTT 3.1.1, clean session, keep-alive of 60 s. */
function connectPacket(clientId: string): Buffer {
  const variable = Buffer.from([0x00, 0x04, ...Buffer.from("MQTT"), 0x04, 0x02, 0x00, 60]);
  const id = Buffer.from([0x00, clientId.length, ...Buffer.from(clientId)]);
  return Buffer.concat([Buffer.from([0x10, variable.byteLength + id.byteLength]), variable, id]);
}
