import { Type, type Static } from "typebox";
import { unreachable } from "../../protocol/unreachable.ts";
import type { ReportDocument } from "./document.ts";
import { renderCsv } from "./render-csv.ts";
import { renderHtml } from "./render-html.ts";
import { renderMarkdown } from "./render-markdown.ts";
import { NO_PAINT, renderText } from "./render-text.ts";

export const REPORT_FORMATS = ["text", "html", "md", "csv", "json"] as const;
export const ReportFormat = Type.Union([
  Type.Literal("text"),
  Type.Literal("html"),
  Type.Literal("md"),
  Type.Literal("csv"),
  Type.Literal("json"),
]);
export type ReportFormat = Static<typeof ReportFormat>;

export function renderReport(report: ReportDocument, format: ReportFormat): string {
  switch (format) {
    case "text":
      return renderText(report, NO_PAINT);
    case "html":
      return renderHtml(report);
    case "md":
      return renderMarkdown(report);
    case "csv":
      return renderCsv(report);
    case "json":
      return `${JSON.stringify(report, undefined, 2)}\n`;
    default:
      return unreachable(format);
  }
}

/** With its character set: every format is UTF-8. */
export const MEDIA_TYPES: Readonly<Record<ReportFormat, string>> = {
  text: "text/plain; charset=utf-8",
  html: "text/html; charset=utf-8",
  md: "text/markdown; charset=utf-8",
  csv: "text/csv; charset=utf-8",
  json: "application/json; charset=utf-8",
};

/** Such as `device-cam-17-2026-11-28T08-30.html`: sorts by time, and every file system takes it. */
export function reportFileName({ kind, subject, atMs }: ReportDocument, format: ReportFormat): string {
  const time = new Date(atMs).toISOString().slice(0, 16).replace(":", "-");
  const about = subject === undefined ? kind : `${kind}-${subject}`;
  return `${about}-${time}.${format === "text" ? "txt" : format}`;
}
