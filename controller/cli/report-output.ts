/** Where a report goes: to standard output, into a file, or into a folder of one CSV file for each table. */
import { Option, type Command } from "commander";
import { mkdirSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import pc from "picocolors";
import { EXIT, FerryError, messageOf } from "../../common/ferry-error.ts";
import type { ReportDocument } from "../reports/document.ts";
import { csvFiles } from "../reports/render-csv.ts";
import { renderReport, REPORT_FORMATS, type ReportFormat } from "../reports/render-report.ts";
import { renderText, type Paint } from "../reports/render-text.ts";
import { print, say } from "./output.ts";

export interface ReportOutputOptions {
  readonly format?: ReportFormat;
  readonly out?: string;
}

export function withReportOutput(command: Command): Command {
  return command
    .addOption(
      new Option("--format <format>", "how it is written; default: by the name of --out, else text").choices([
        ...REPORT_FORMATS,
      ]),
    )
    .option("--out <file>", "write it there; a folder (ending in /) gets one CSV file for each table");
}

/** Throws `usage`, `cannot-write`. */
export function writeReport(report: ReportDocument, { format, out }: ReportOutputOptions): void {
  const chosen = format ?? formatOfFile(out);
  if (out === undefined) {
    print((chosen === "text" ? renderText(report, COLOURS) : renderReport(report, chosen)).trimEnd());
    return;
  }
  const isFolder = out.endsWith("/") || statSync(out, { throwIfNoEntry: false })?.isDirectory() === true;
  if (isFolder && format !== undefined && format !== "csv") {
    throw new FerryError("usage", `${out} is a folder, and only CSV is several files`, {
      hint: `Name the file: --out ${join(out, `report.${chosen === "text" ? "txt" : chosen}`)}`,
      exitCode: EXIT.usage,
    });
  }
  const files = isFolder
    ? csvFiles(report).map(({ name, text }) => ({ path: join(out, name), text }))
    : [{ path: out, text: renderReport(report, chosen) }];
  try {
    if (isFolder) mkdirSync(out, { recursive: true });
    for (const { path, text } of files) writeFileSync(path, text);
  } catch (cause) {
    throw new FerryError("cannot-write", `Cannot write the report: ${messageOf(cause)}`, {
      hint: "Give a path with --out that you may write to.",
      cause,
    });
  }
  for (const { path } of files) say(`${pc.green("✔")} ${path}`);
}

const ENDINGS: Readonly<Record<string, ReportFormat>> = {
  html: "html",
  htm: "html",
  md: "md",
  csv: "csv",
  json: "json",
  txt: "text",
};

/** Throws `usage` where the ending says nothing. */
function formatOfFile(out: string | undefined): ReportFormat {
  if (out === undefined) return "text";
  if (out.endsWith("/")) return "csv";
  const format = ENDINGS[/\.([a-z]+)$/i.exec(out)?.[1]?.toLowerCase() ?? ""];
  if (format !== undefined) return format;
  throw new FerryError("usage", `The name ${out} does not say which format it is`, {
    hint: `Add --format ${REPORT_FORMATS.join("|")}, or end the name in .html, .md, .csv, .json or .txt.`,
    exitCode: EXIT.usage,
  });
}

const TONES = { good: pc.green, warning: pc.yellow, critical: pc.red, note: pc.cyan } as const;
const COLOURS: Paint = {
  strong: (text) => pc.bold(text),
  dim: (text) => pc.dim(text),
  tone: (text, tone) => TONES[tone](text),
};
