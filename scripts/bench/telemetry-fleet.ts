/**
 * Telemetry of many devices through a real broker into a whole controller in a process of its own. One connection sends for
 * all of the devices: what is measured is the broker's one topic tree and the controller, not ten thousand connections.
 */
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { join } from "node:path";
import { backoffMs, type BackoffPolicy } from "../../common/backoff.ts";
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
  /** Devices whose first batch was stored, and how long that took for all that came at once. */
  readonly joined: number;
  readonly joinMs: number;
  /** Batches of the time that is measured. */
  readonly sent: number;
  /** Batches that were said again, as devices do that hear nothing: a broker's queue was full. */
  readonly again: number;
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
const SETTLE_MS = 10_000;
/** For all devices to become known, who come at once. */
const JOIN_MS_MAX = 120_000;
/** As devices do. */
const RETRY: BackoffPolicy = { firstMs: 4_000, mostMs: 60_000 };

interface Sender {
  readonly device: DeviceId;
  readonly stream: StreamId;
  next: number;
}

/** A batch without an acknowledgement. */
interface Waiting {
  readonly device: DeviceId;
  readonly payload: Uint8Array;
  readonly sentAtMs: number;
  attempt: number;
  retryAtMs: number;
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
  const waiting = new Map<string, Waiting>();
  const lags: number[] = [];
  let acknowledged = 0;
  let again = 0;
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
      const batch = waiting.get(key);
      if (batch === undefined) return;
      waiting.delete(key);
      acknowledged += 1;
      lags.push(performance.now() - batch.sentAtMs);
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
    const payload = encodeTelemetryBatch({ stream, acked: from, from, next, backfill: false, life: LIFE, records });
    const sentAtMs = performance.now();
    const retryAtMs = sentAtMs + backoffMs(RETRY, 0, Math.random);
    waiting.set(`${stream}/${next}`, { device, payload, sentAtMs, attempt: 0, retryAtMs });
    await link.publish(deviceTopics(fleet, device).telemetry, payload, { qos: 1 });
  }

  async function sayAgain(): Promise<void> {
    const nowMs = performance.now();
    for (const batch of waiting.values()) {
      if (batch.retryAtMs > nowMs) continue;
      batch.attempt += 1;
      batch.retryAtMs = nowMs + backoffMs(RETRY, batch.attempt, Math.random);
      again += 1;
      await link.publish(deviceTopics(fleet, batch.device).telemetry, batch.payload, { qos: 1 });
    }
  }

  async function settle(isDone: () => boolean, msMax: number): Promise<void> {
    for (let waitedMs = 0; !isDone() && waitedMs < msMax; waitedMs += 20) {
      await systemClock.sleep(20);
      await sayAgain();
    }
  }

  const joiningMs = performance.now();
  for (const sender of senders) await send(sender);
  await settle(() => acknowledged >= devices, JOIN_MS_MAX);
  const [joined, joinMs] = [acknowledged, performance.now() - joiningMs];
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
    await sayAgain();
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
    ...{ devices, joined, joinMs, sent, again, records: sent * RECORDS, acknowledged },
    ...{ cpuShare, brokerCpuShare, peakBytes, reportMs },
    lagP50Ms: lagAt(0.5),
    lagP99Ms: lagAt(0.99),
  };
}

/** Of a minute: two of health, six of a model. */
const RECORDS = 8;
/** Of every device: none is a copy of another. */
const LIFE = { id: "0".repeat(16), from: 0 };

async function timedReport(httpUrl: string, token: string): Promise<number> {
  const startedMs = performance.now();
  const path = "/api/v1/reports/fleet?windowSeconds=3600";
  const response = await fetch(httpUrl + path, { headers: { authorization: `Bearer ${token}` } });
  await response.text();
  if (!response.ok) throw new Error(`${path} answered ${response.status}`);
  return performance.now() - startedMs;
}
