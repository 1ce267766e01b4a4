/** Exported telemetry as text. */
import type { RecordFields } from "../../protocol/messages/telemetry-batch.ts";
import type { ExportedRecord } from "./export-records.ts";

/** Columns of fields in one CSV: spreadsheets stop at 16,384, and an agent has some hundred. More are left out. */
const COLUMNS_MAX = 2_000;

/** One JSON document a line. */
export async function* jsonLines(records: AsyncIterable<ExportedRecord>): AsyncGenerator<string> {
  for await (const { atMs, ...record } of records) {
    yield `${JSON.stringify({ at: new Date(atMs).toISOString(), atMs, ...record })}\n`;
  }
}

/**
 * One row for each record and one column for each field that any of them has (RFC 4180, with `\n`), so what is to be
 * exported is gone through twice.
 */
export async function* csv(records: () => AsyncIterable<ExportedRecord>): AsyncGenerator<string> {
  const names = new Set<string>();
  for await (const { fields } of records()) {
    for (const name of Object.keys(fields)) if (names.size < COLUMNS_MAX) names.add(name);
  }
  const columns = [...names].sort();
  yield row(["device", "at", "spanSeconds", "kind", "stream", "seq", "records", ...columns]);
  for await (const { device, atMs, spanMs, kind, stream, seq, records: count, fields } of records()) {
    const at = new Date(atMs).toISOString();
    yield row([device, at, spanMs / 1_000, kind, stream, seq, count, ...columns.map((name) => fields[name])]);
  }
}

type CsvCell = RecordFields[string] | undefined;

function row(cells: readonly CsvCell[]): string {
  return `${cells.map(cellText).join(",")}\n`;
}

function cellText(cell: CsvCell): string {
  if (cell === undefined || cell === null) return "";
  if (typeof cell !== "string") return String(cell);
  // What a spreadsheet would take for a formula, and run: a device wrote it.
  const text = /^[=+\-@\t\r]/.test(cell) ? `'${cell}` : cell;
  return /[",\n\r]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}
