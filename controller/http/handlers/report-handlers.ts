import { buildFleetReport } from "../../reports/fleet-report.ts";
import { readReport, type ReportPorts } from "../../reports/read-report.ts";
import { readReportRows } from "../../reports/read-report-rows.ts";
import { MEDIA_TYPES, renderReport, reportFileName } from "../../reports/render-report.ts";
import type { Handlers } from "../bind-routes.ts";
import type { REPORT_ROUTES } from "../report-routes.ts";

export function reportHandlers(ports: ReportPorts): Pick<Handlers, keyof typeof REPORT_ROUTES> {
  return {
    fleetReport: async ({ query: { windowSeconds } }) =>
      buildFleetReport(
        await readReportRows(ports.store, {
          fleet: ports.fleet,
          nowMs: ports.clock.nowMs(),
          windowMs: 1_000 * windowSeconds,
          rootExpiresMs: ports.rootExpiresMs(),
        }),
      ),
    reportDocument: ({ params: { kind }, query: { windowSeconds } }) =>
      readReport(ports, { kind, windowMs: 1_000 * windowSeconds }),
    reportFile: async ({ params: { kind }, query: { windowSeconds, format = "html" } }) => {
      const report = await readReport(ports, { kind, windowMs: 1_000 * windowSeconds });
      return {
        mediaType: MEDIA_TYPES[format],
        fileName: reportFileName(report, format),
        text: renderReport(report, format),
      };
    },
  };
}
