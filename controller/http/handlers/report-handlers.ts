import type { ReportDocument } from "../../reports/document.ts";
import { acceptedFormat } from "../../reports/accepted-format.ts";
import { buildFleetReport } from "../../reports/fleet-report.ts";
import { readReport, type ReportPorts } from "../../reports/read-report.ts";
import { readReportRows } from "../../reports/read-report-rows.ts";
import { MEDIA_TYPES, renderReport, reportFileName, type ReportFormat } from "../../reports/render-report.ts";
import { reportQuestion, type AskedReport } from "../../reports/report-question.ts";
import { EXIT, FerryError } from "../../../common/ferry-error.ts";
import type { Handlers } from "../bind-routes.ts";
import type { REPORT_ROUTES } from "../report-routes.ts";
import type { FileAnswer } from "../route.ts";

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
    reportDocument: ({ params: { kind }, query }) => readReport(ports, questionOf(kind, query)),
    reportFile: async ({ params: { kind }, query }, { accept }) => {
      const format = formatOf(query.format, accept);
      return reportAnswer(await readReport(ports, questionOf(kind, query)), format);
    },
  };
}

function questionOf(kind: AskedReport["kind"], asked: { readonly subject?: string; readonly windowSeconds: number }) {
  return reportQuestion({ kind, subject: asked.subject, windowMs: 1_000 * asked.windowSeconds });
}

/** What the request names, or what its `Accept` header wants. Throws `not-acceptable`. */
export function formatOf(format: ReportFormat | undefined, accept: string | undefined): ReportFormat {
  const chosen = format ?? acceptedFormat(accept, "html");
  if (chosen !== undefined) return chosen;
  const types = Object.values(MEDIA_TYPES).map((type) => type.split(";")[0]);
  throw new FerryError("not-acceptable", `A report cannot be ${JSON.stringify(accept)}`, {
    hint: `Ask for one of ${types.join(", ")}, or add ?format=html.`,
    exitCode: EXIT.usage,
  });
}

export function reportAnswer(report: ReportDocument, format: ReportFormat): FileAnswer {
  return {
    mediaType: MEDIA_TYPES[format],
    fileName: reportFileName(report, format),
    text: renderReport(report, format),
  };
}
