import type { Clock } from "../../common/clock.ts";
import type { FleetId } from "../../protocol/ids.ts";
import type { Store } from "../store/store.ts";
import type { ReportDocument } from "./document.ts";
import { readFleetHistory } from "./fleet-history.ts";
import { fleetDocument } from "./fleet-document.ts";
import { buildFleetReport } from "./fleet-report.ts";
import { readReportRows } from "./read-report-rows.ts";

export interface ReportPorts {
  readonly store: Store;
  readonly fleet: FleetId;
  /** When devices stop to install anything, unless the owners sign a newer root. */
  readonly rootExpiresMs: () => number;
  readonly clock: Clock;
}

export interface ReportQuestion {
  readonly kind: "fleet";
  readonly windowMs: number;
}

/** Any report that the controller can make by itself. */
export async function readReport(ports: ReportPorts, { windowMs }: ReportQuestion): Promise<ReportDocument> {
  const { store, fleet, clock } = ports;
  const request = { fleet, nowMs: clock.nowMs(), windowMs, rootExpiresMs: ports.rootExpiresMs() };
  const rows = await readReportRows(store, request);
  const window = { fromMs: request.nowMs - windowMs, toMs: request.nowMs };
  return fleetDocument(buildFleetReport(rows), await readFleetHistory(store, rows.devices, window));
}
