/**
 * The findings and tables of a report for a spreadsheet. Numbers are numbers, in the unit that the column's title names;
 * times are UTC as spreadsheets read them; text that would be run as a formula is not.
 */
import type { ReportCell, ReportDocument, ReportTable } from "./document.ts";
import { tablesOf } from "./document.ts";

export interface CsvFile {
  /** `findings.csv`, `inference.csv`, … */
  readonly name: string;
  readonly text: string;
}

/** Spreadsheets take a file without it for the local code page, and show `–` as three signs. */
const BYTE_ORDER_MARK = "\uFEFF";

/** One file for each table. */
export function csvFiles(report: ReportDocument): readonly CsvFile[] {
  return grids(report).map(({ title, rows }) => ({ name: `${fileWord(title)}.csv`, text: fileText(rows) }));
}

/** All tables in one: the first column names the table, so that a filter finds each again. */
export function renderCsv(report: ReportDocument): string {
  const rows = grids(report).flatMap(({ title, rows: own }, at) => [
    ...(at === 0 ? [] : [[""]]),
    ...own.map((cells, n) => [n === 0 ? "table" : quoted(title), ...cells]),
  ]);
  return fileText(rows);
}

interface Grid {
  readonly title: string;
  /** The titles first; every cell is quoted already. */
  readonly rows: readonly (readonly string[])[];
}

function grids(report: ReportDocument): readonly Grid[] {
  const tables = tablesOf(report).filter(({ table }) => table.rows.length > 0);
  return [findingsGrid(report), ...tables.map(({ table }) => gridOf(table))];
}

function findingsGrid({ findings }: ReportDocument): Grid {
  const rows = findings.map(({ severity, text, devices, next }) =>
    [severity, text, devices.join(" "), next].map(quoted),
  );
  return { title: "Findings", rows: [["severity", "finding", "devices", "what to do next"], ...rows] };
}

function gridOf({ title, columns, rows }: ReportTable): Grid {
  const head = columns.map((column) =>
    quoted(column.unit === undefined ? column.title : `${column.title} (${column.unit})`),
  );
  return { title, rows: [head, ...rows.map((cells) => cells.map(cellText))] };
}

function cellText({ text, value = text }: ReportCell): string {
  return typeof value === "number" ? (Number.isFinite(value) ? String(value) : "") : quoted(value);
}

/** OWASP, CSV injection: a text that begins with one of these is run by a spreadsheet. A lone dash is a dash. */
const FORMULA = /^[=+@\t\r]|^-./;

function quoted(text: string): string {
  const safe = FORMULA.test(text) ? `'${text}` : text;
  return /[",\r\n;\t]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
}

/** RFC 4180: lines end with CRLF. */
function fileText(rows: readonly (readonly string[])[]): string {
  return `${BYTE_ORDER_MARK}${rows.map((cells) => cells.join(",")).join("\r\n")}\r\n`;
}

function fileWord(title: string): string {
  return title
    .toLowerCase()
    .replaceAll(/[^a-z0-9]+/g, "-")
    .replaceAll(/^-|-$/g, "");
}
