/**
 * Telemetry of many devices through a real broker into a whole controller in a process of its own. One connection sends for
 * all of the devices: what is measured is the broker's one topic tree and the controller, not ten thousand connections.
 */
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { join } from "node:path";
import { systemClock } from "../../common/clock.ts";
import { openLog } from "../../common/log.ts";
import { openMqttLink } from "../../common/mqtt-link.ts";
import type { DeviceId, FleetId, StreamId } from "../../protocol/ids.ts";
import { parseTelemetryAck } from "../../protocol/messages/telemetry-ack.ts";
import { encodeTelemetryBatch } from "../../protocol/messages/telemetry-batch.ts";
import { deviceTopics } from "../../protocol/topics.ts";
import { openMosquitto } from "../../test/support/mosquitto.ts";
import { processCpuMs } from "./process-cpu.ts";
import { residentBytes } from "./process-memory.ts";
import { healthFields, inferenceFields } from "./telemetry-records.ts";
import { endChild, forkModule } from "./transfer-brokers.ts";

export interface FleetFigures {
  readonly devices: number;
  readonly records: number;
  readonly sent: number;
  /** Batches that were acknowledged by the end. */
  readonly acknowledged: number;
  /** Of one processor. */
  readonly cpuShare: number;
  readonly brokerCpuShare: number;
  readonly peakBytes: number;
  /** From publishing a batch until its acknowledgement came: stored on disk. */
  readonly lagP50Ms: number;
  readonly lagP99Ms: number;
  readonly reportMs: number;
}

/** One batch of each device a minute. */
const BATCH_MS = 60_000;
/** For what is on its way at the end. */
const SETTLE_MS = 5_000;
/** For all devices to become known: each costs transactions of its own, once in its life. */
const JOIN_MS_MAX = 300_000;

interface Sender {
  readonly device: DeviceId;
  readonly stream: StreamId;
  next: number;
}

/** Runs for so long after a first batch of every device, which makes them known. */
export async function measureFleet(directory: string, devices: number, runMs: number): Promise<FleetFigures> {
  await using broker = await openMosquitto();
  const controller = forkModule("telemetry-controller.ts", [join(directory, `home-${devices}`), broker.url]);
  const [{ httpUrl, fleet, token }] = (await once(controller, "message")) as [
    { httpUrl: string; fleet: FleetId; token: string },
  ];
  const senders = Array.from({ length: devices }, (_, at): Sender => {
    const stream = randomBytes(16).toString("hex") as StreamId;
    return { device: `cam-${String(at).padStart(5, "0")}` as DeviceId, stream, next: 0 };
  });
  const sentAtMs = new Map<string, number>();
  const lags: number[] = [];
  let acknowledged = 0;
  const connected = Promise.withResolvers<string>();
  await using link = openMqttLink({
    url: broker.url,
    clientId: "bench-devices",
    keepAliveSeconds: 60,
    subscriptions: new Map([[deviceTopics(fleet, "+" as DeviceId).telemetryAck, 0]]),
    onConnect: connected.resolve,
    onMessage: (_topic, payload) => {
      const { stream, next } = parseTelemetryAck(payload);
      const key = `${stream}/${next}`;
      const atMs = sentAtMs.get(key);
      if (atMs === undefined) return;
      sentAtMs.delete(key);
      acknowledged += 1;
      lags.push(performance.now() - atMs);
    },
    clock: systemClock,
    log: openLog("bench-devices", "error"),
  });
  await connected.promise;

  async function send(sender: Sender): Promise<void> {
    const atMs = Date.now();
    const from = sender.next;
    const record = (kind: string, at: number) => {
      const seq = from + at;
      return {
        seq,
        atMs: atMs - 1_000 * at,
        kind,
        fields: kind === "health" ? healthFields(seq) : inferenceFields(seq),
      };
    };
    const records = Array.from({ length: RECORDS }, (_, at) => record(at < 2 ? "health" : "inference", at));
    sender.next += RECORDS;
    const { device, stream, next } = sender;
    sentAtMs.set(`${stream}/${next}`, performance.now());
    const range = { stream, acked: from, from, next, backfill: false, records };
    await link.publish(deviceTopics(fleet, device).telemetry, encodeTelemetryBatch(range), { qos: 1 });
  }

  for (const sender of senders) await send(sender);
  await settle(() => acknowledged >= devices, JOIN_MS_MAX);
  lags.length = 0;
  acknowledged = 0;
  const pid = controller.pid ?? 0;
  const [cpuMs, brokerCpuMs, startedMs] = [processCpuMs(pid), processCpuMs(broker.pid), performance.now()];
  let sent = 0;
  while (performance.now() - startedMs < runMs) {
    const due = Math.floor(((performance.now() - startedMs) / BATCH_MS) * devices);
    for (; sent < due; sent += 1) {
      const sender = senders[sent % devices];
      if (sender !== undefined) await send(sender);
    }
    await systemClock.sleep(5);
  }
  const elapsedMs = performance.now() - startedMs;
  const cpuShare = (processCpuMs(pid) - cpuMs) / elapsedMs;
  const brokerCpuShare = (processCpuMs(broker.pid) - brokerCpuMs) / elapsedMs;
  await settle(() => acknowledged >= sent, SETTLE_MS);
  const reportMs = await timedReport(httpUrl, token);
  const { peakBytes } = residentBytes(pid);
  await endChild(controller);
  lags.sort((a, b) => a - b);
  const lagAt = (q: number) => lags[Math.floor(q * (lags.length - 1))] ?? NaN;
  return {
    ...{ devices, sent, records: sent * RECORDS, acknowledged, cpuShare, brokerCpuShare, peakBytes, reportMs },
    lagP50Ms: lagAt(0.5),
    lagP99Ms: lagAt(0.99),
  };
}

/** Of a minute: two of health, six of a model. */
const RECORDS = 8;

async function settle(isDone: () => boolean, msMax: number): Promise<void> {
  for (let waitedMs = 0; !isDone() && waitedMs < msMax; waitedMs += 20) await systemClock.sleep(20);
}

async function timedReport(httpUrl: string, token: string): Promise<number> {
  const startedMs = performance.now();
  const path = "/api/v1/reports/fleet?windowSeconds=3600";
  const response = await fetch(httpUrl + path, { headers: { authorization: `Bearer ${token}` } });
  await response.text();
  if (!response.ok) throw new Error(`${path} answered ${response.status}`);
  return performance.now() - startedMs;
}
