/** What the controller knows of its devices, and the deployments that it signs: rows without a database. */
import type { DeviceId, FleetId } from "../../protocol/ids.ts";
import type { Deployment, DeployedSlot } from "../../protocol/trust/deployment.ts";
import type { DeviceInfo } from "../../protocol/messages/device-info.ts";
import type { Hello } from "../../protocol/messages/hello.ts";
import type { Report } from "../../protocol/trust/report.ts";
import type { StoredDeployment } from "../../controller/fleet/deployments.ts";
import type { DeviceView } from "../../controller/fleet/device-view.ts";
import { afterSign, afterState, hasAgedOut, type Presence } from "../../controller/fleet/presence.ts";
import { INFO } from "../support/device-views.ts";
import type { EventQueue } from "./event-queue.ts";
import type { DeviceMessage, DevicePlan } from "./virtual-device.ts";

export interface FleetPorts {
  readonly fleet: FleetId;
  readonly queue: EventQueue;
  /** The broker retains it, and delivers it to a device that listens. */
  readonly publish: (device: DeviceId, deployment: Deployment) => void;
  /** Something was heard of the device, or its presence changed. */
  readonly onNews: (device: DeviceId) => void;
}

export interface VirtualFleet {
  readonly hear: (device: DevicePlan, message: DeviceMessage) => void;
  /** The broker publishes the will. */
  readonly bury: (device: DeviceId, session: Presence["session"]) => void;
  readonly devices: () => Iterable<DeviceId>;
  readonly view: (device: DeviceId) => DeviceView | undefined;
  readonly deploymentOf: (device: DeviceId) => StoredDeployment | undefined;
  readonly storeDeployment: (device: DeviceId, slots: readonly DeployedSlot[]) => StoredDeployment;
  /** Signs and publishes, retained, what these devices are to run. */
  readonly issue: (devices: readonly DeviceId[]) => void;
  /** Marks those of which nothing was heard for too long, and signs anew what would expire. To be called now and then. */
  readonly keepUp: () => void;
}

interface DeviceRecord {
  readonly plan: DevicePlan;
  readonly info: DeviceInfo;
  readonly firstSeenMs: number;
  presence: Presence;
  onlineSinceMs: number;
  lastHeardMs: number;
  report: Report | undefined;
  reportedMs: number | undefined;
  deployment: StoredDeployment | undefined;
  nonce: string | undefined;
  issuedMs: number | undefined;
}

/** As in `controller/fleet/director.ts`. */
const DEPLOYMENT_LIFETIME_MS = 7 * 24 * 3_600_000;
const RENEW_AFTER_MS = 24 * 3_600_000;

export function createFleet({ fleet, queue, publish, onNews }: FleetPorts): VirtualFleet {
  const records = new Map<DeviceId, DeviceRecord>();

  function recordOf(plan: DevicePlan): DeviceRecord {
    const known = records.get(plan.id);
    if (known !== undefined) return known;
    const nowMs = queue.nowMs();
    const record: DeviceRecord = {
      plan,
      info: { ...INFO, labels: plan.labels },
      firstSeenMs: nowMs,
      presence: { online: false, session: null },
      onlineSinceMs: nowMs,
      lastHeardMs: nowMs,
      report: undefined,
      reportedMs: undefined,
      deployment: undefined,
      nonce: undefined,
      issuedMs: undefined,
    };
    records.set(plan.id, record);
    return record;
  }

  function setPresence(record: DeviceRecord, next: Presence): void {
    if (record.presence.online !== next.online) record.onlineSinceMs = queue.nowMs();
    record.presence = next;
  }

  function issue(devices: readonly DeviceId[]): void {
    for (const device of devices) {
      const record = records.get(device);
      if (record?.deployment === undefined) continue;
      const { nonce } = record;
      const nowMs = queue.nowMs();
      record.nonce = undefined;
      record.issuedMs = nowMs;
      publish(device, {
        v: 1,
        fleet,
        device,
        seq: record.deployment.seq,
        rootVersion: 1,
        issued: new Date(nowMs).toISOString(),
        expires: new Date(nowMs + DEPLOYMENT_LIFETIME_MS).toISOString(),
        ...(nonce === undefined ? {} : { nonce }),
        slots: [...record.deployment.slots],
      });
    }
  }

  function answer(record: DeviceRecord, { nonce }: Hello): void {
    record.nonce = nonce;
    record.deployment ??= { device: record.plan.id, seq: 1, slots: [] };
    issue([record.plan.id]);
  }

  function accept(record: DeviceRecord, report: Report): void {
    if (report.counter <= (record.report?.counter ?? 0)) return;
    record.report = report;
    record.reportedMs = queue.nowMs();
  }

  return {
    hear: (plan, message) => {
      const record = recordOf(plan);
      record.lastHeardMs = queue.nowMs();
      switch (message.kind) {
        case "birth":
          setPresence(
            record,
            afterState(record.presence, {
              state: "online",
              session: message.session,
              bootId: "",
              atMs: queue.nowMs(),
              agentVersion: "0.1.0",
            }),
          );
          break;
        case "hello":
          setPresence(record, afterSign(record.presence, message.hello.session));
          answer(record, message.hello);
          break;
        case "report":
          setPresence(record, afterSign(record.presence, message.report.session));
          accept(record, message.report);
          break;
      }
      onNews(plan.id);
    },
    bury: (device, session) => {
      const record = records.get(device);
      if (record?.presence.session !== session || !record.presence.online) return;
      setPresence(record, { online: false, session });
      onNews(device);
    },
    devices: () => records.keys(),
    view: (device) => {
      const record = records.get(device);
      return record === undefined ? undefined : viewOf(record);
    },
    deploymentOf: (device) => records.get(device)?.deployment,
    storeDeployment: (device, slots) => {
      const record = records.get(device);
      if (record === undefined) throw new Error(`${device} has never been seen`);
      record.deployment = { device, seq: (record.deployment?.seq ?? 0) + 1, slots };
      return record.deployment;
    },
    issue,
    keepUp: () => {
      const nowMs = queue.nowMs();
      for (const record of records.values()) {
        if (record.presence.online && hasAgedOut(record.lastHeardMs, record.report?.heartbeatMs ?? null, nowMs)) {
          setPresence(record, { online: false, session: null });
          onNews(record.plan.id);
        }
        if (record.issuedMs !== undefined && record.issuedMs < nowMs - RENEW_AFTER_MS) issue([record.plan.id]);
      }
    },
  };
}

function viewOf(record: DeviceRecord): DeviceView {
  const { plan, info, firstSeenMs, presence, onlineSinceMs, lastHeardMs, report, reportedMs, deployment } = record;
  return {
    id: plan.id,
    online: presence.online,
    onlineSinceMs,
    firstSeenMs,
    lastHeardMs,
    labels: plan.labels,
    operatorLabels: {},
    info,
    report,
    reportedMs,
    deployment,
  };
}
