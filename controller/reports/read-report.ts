import type { Clock } from "../../common/clock.ts";
import type { FleetId } from "../../protocol/ids.ts";
import { unreachable } from "../../protocol/unreachable.ts";
import type { DriftPorts } from "../drift/read-drift.ts";
import { experimentDocument } from "../experiments/experiment-document.ts";
import { experimentSpecOf, oneExperiment } from "../experiments/experiments.ts";
import type { Experiments } from "../experiments/open-experiments.ts";
import type { ReportDocument } from "./document.ts";
import { readFleetHistory } from "./fleet-history.ts";
import { fleetDocument } from "./fleet-document.ts";
import { buildFleetReport } from "./fleet-report.ts";
import { readDeviceReport } from "./read-device-report.ts";
import { readDriftReport } from "./read-drift-report.ts";
import { readModelReport } from "./read-model-report.ts";
import { readReportRows } from "./read-report-rows.ts";
import { readRolloutReport } from "./read-rollout-report.ts";
import type { ReportQuestion } from "./report-question.ts";

export interface ReportPorts extends DriftPorts {
  readonly fleet: FleetId;
  /** When devices stop to install anything, unless the owners sign a newer root. */
  readonly rootExpiresMs: () => number;
  readonly experiments: Pick<Experiments, "results">;
  readonly clock: Clock;
}

/** Any report. Throws `not-found` where there is nothing of that name. */
export async function readReport(ports: ReportPorts, question: ReportQuestion): Promise<ReportDocument> {
  const { store, fleet, clock } = ports;
  const nowMs = clock.nowMs();
  switch (question.kind) {
    case "fleet": {
      const { windowMs } = question;
      const rows = await readReportRows(store, { fleet, nowMs, windowMs, rootExpiresMs: ports.rootExpiresMs() });
      const window = { fromMs: nowMs - windowMs, toMs: nowMs };
      return fleetDocument(buildFleetReport(rows), await readFleetHistory(ports, rows.devices, window));
    }
    case "model":
      return readModelReport(ports, question, nowMs);
    case "device":
      return readDeviceReport(ports, question, nowMs);
    case "drift":
      return readDriftReport(ports, question, nowMs);
    case "rollout":
      return readRolloutReport(store, question, nowMs);
    case "experiment": {
      const row = await oneExperiment(store, question.experiment);
      const results = await ports.experiments.results(row);
      return experimentDocument({ row, spec: experimentSpecOf(row), results, atMs: nowMs });
    }
    default:
      return unreachable(question);
  }
}
