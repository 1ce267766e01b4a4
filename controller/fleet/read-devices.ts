/** Puts a device together from its rows, each checked. */
import type { DeviceId, Labels } from "../../protocol/ids.ts";
import { parseDeviceInfo } from "../../protocol/messages/device-info.ts";
import { gate } from "../../protocol/schema.ts";
import { Report } from "../../protocol/trust/report.ts";
import type { Store } from "../store/store.ts";
import type { DeviceRow } from "../store/tables.ts";
import { slotsFrom } from "./deployments.ts";
import type { DeviceView } from "./device-view.ts";
import { effectiveLabels } from "./labels.ts";

const readReport = gate("stored report", Report);

/** Ids in one query: SQLite allows 32,766 parameters, PostgreSQL 65,535. */
const IDS_PER_QUERY = 10_000;

/** All devices, or those named (unknown ids are left out), ascending by id. */
export async function readDevices(store: Store, ids?: readonly DeviceId[]): Promise<DeviceView[]> {
  if (ids === undefined) return readPart(store, undefined);
  const views: DeviceView[] = [];
  for (let at = 0; at < ids.length; at += IDS_PER_QUERY) {
    views.push(...(await readPart(store, ids.slice(at, at + IDS_PER_QUERY))));
  }
  return views;
}

async function readPart(store: Store, ids: readonly DeviceId[] | undefined): Promise<DeviceView[]> {
  const [devices, labels, reports, deployments] = await Promise.all([
    store
      .selectFrom("devices")
      .selectAll()
      .$if(ids !== undefined, (query) => query.where("id", "in", ids ?? []))
      .orderBy("id")
      .execute(),
    store
      .selectFrom("device_labels")
      .selectAll()
      .$if(ids !== undefined, (query) => query.where("device", "in", ids ?? []))
      .execute(),
    store
      .selectFrom("reports")
      .selectAll()
      .$if(ids !== undefined, (query) => query.where("device", "in", ids ?? []))
      .execute(),
    store
      .selectFrom("deployments")
      .selectAll()
      .$if(ids !== undefined, (query) => query.where("device", "in", ids ?? []))
      .execute(),
  ]);
  const labelsOf = Map.groupBy(labels, (label) => label.device);
  const reportOf = new Map(reports.map((report) => [report.device, report]));
  const deploymentOf = new Map(deployments.map((deployment) => [deployment.device, deployment]));
  return devices.map((row) => {
    const operatorLabels = Object.fromEntries((labelsOf.get(row.id) ?? []).map(({ key, value }) => [key, value]));
    const report = reportOf.get(row.id);
    const deployment = deploymentOf.get(row.id);
    return {
      ...viewOfRow(row, operatorLabels),
      report: report === undefined ? undefined : readReport(JSON.parse(report.report_json)),
      reportedMs: report?.received_ms,
      deployment:
        deployment === undefined
          ? undefined
          : { device: row.id, seq: deployment.seq, slots: slotsFrom(deployment.slots_json) },
    };
  });
}

function viewOfRow(row: DeviceRow, operatorLabels: Labels) {
  const info = row.info_json === null ? undefined : parseDeviceInfo(Buffer.from(row.info_json));
  return {
    id: row.id,
    online: row.online === 1,
    onlineSinceMs: row.online_since_ms,
    firstSeenMs: row.first_seen_ms,
    lastHeardMs: row.last_heard_ms,
    labels: effectiveLabels(info?.labels ?? {}, operatorLabels),
    operatorLabels,
    info,
  };
}
