/** How every command shows its result. Standard output is the data; everything else goes to standard error. */
import pc from "picocolors";
import { stringify as toYaml } from "yaml";
import { EXIT, FerryError } from "../../common/ferry-error.ts";

export const OUTPUT_FORMATS = ["table", "wide", "json", "jsonl", "csv", "yaml", "name"] as const;
export type OutputFormat = (typeof OUTPUT_FORMATS)[number];

export interface Column<Row> {
  readonly title: string;
  /** Text for a person; colours are allowed. */
  readonly text: (row: Row) => string;
  /** The same for a program, where the text is decorated. */
  readonly csv?: (row: Row) => string;
  /** Shown only by `-o wide` and in CSV. */
  readonly wide?: true;
  readonly align?: "right";
}

export interface Listing<Row> {
  readonly rows: readonly Row[];
  readonly columns: readonly Column<Row>[];
  /** What `-o name` prints: one word that other commands take. */
  readonly name: (row: Row) => string;
  /** Shown on standard error instead of an empty table: how to get the first row. */
  readonly whenEmpty: string;
}

/** Throws `usage` for a format that does not exist. */
export function parseFormat(text: string): OutputFormat {
  const format = OUTPUT_FORMATS.find((name) => name === text);
  if (format !== undefined) return format;
  throw new FerryError("usage", `There is no output format ${JSON.stringify(text)}`, {
    hint: `Use one of ${OUTPUT_FORMATS.join(", ")}.`,
    exitCode: EXIT.usage,
  });
}

export function printListing<Row>(listing: Listing<Row>, format: OutputFormat): void {
  const { rows } = listing;
  switch (format) {
    case "table":
    case "wide":
      if (rows.length === 0) say(listing.whenEmpty);
      else print(table(listing, format === "wide"));
      return;
    case "json":
      print(JSON.stringify(rows, undefined, 2));
      return;
    case "jsonl":
      for (const row of rows) print(JSON.stringify(row));
      return;
    case "csv":
      print(csv(listing));
      return;
    case "yaml":
      print(toYaml(rows).trimEnd());
      return;
    case "name":
      for (const row of rows) print(listing.name(row));
      return;
  }
}

/** One thing rather than a list: `describe` for people, the value itself for programs. */
export function printOne(value: unknown, format: OutputFormat, describe: () => string, name: string): void {
  switch (format) {
    case "table":
    case "wide":
      print(describe());
      return;
    case "json":
      print(JSON.stringify(value, undefined, 2));
      return;
    case "jsonl":
      print(JSON.stringify(value));
      return;
    case "yaml":
      print(toYaml(value).trimEnd());
      return;
    case "name":
      print(name);
      return;
    case "csv":
      throw new FerryError("usage", "CSV is for lists; this command shows one thing", {
        hint: "Use -o json or -o yaml.",
        exitCode: EXIT.usage,
      });
  }
}

/** Data, one line or several. */
export function print(text: string): void {
  process.stdout.write(`${text}\n`);
}

/** Progress, questions, what to do next. */
export function say(text: string): void {
  process.stderr.write(`${text}\n`);
}

/** Columns two spaces apart, each as wide as its widest cell. */
export function table<Row>({ rows, columns }: Pick<Listing<Row>, "rows" | "columns">, wide: boolean): string {
  const shown = columns.filter((column) => wide || column.wide !== true);
  const cells = rows.map((row) => shown.map((column) => oneLine(column.text(row))));
  const widths = shown.map(({ title }, at) => Math.max(width(title), ...cells.map((row) => width(row[at] ?? ""))));
  const line = (texts: readonly string[]) =>
    shown
      .map(({ align }, at) => pad(texts[at] ?? "", widths[at] ?? 0, align, at === shown.length - 1))
      .join("  ")
      .trimEnd();
  return [pc.bold(line(shown.map(({ title }) => title))), ...cells.map(line)].join("\n");
}

function csv<Row>({ rows, columns }: Listing<Row>): string {
  const quote = (text: string) => (/[",\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text);
  const lines = rows.map((row) => columns.map((column) => quote(plain((column.csv ?? column.text)(row)))).join(","));
  return [columns.map(({ title }) => quote(title.toLowerCase())).join(","), ...lines].join("\n");
}

/** The longest cell that a table shows; -o wide and the other formats cut nothing. */
const CELL_CHARS_MAX = 400;

function oneLine(text: string): string {
  const line = text.replaceAll(/\s*\n\s*/g, " ");
  return line.length <= CELL_CHARS_MAX ? line : `${line.slice(0, CELL_CHARS_MAX - 1)}…`;
}

function pad(text: string, to: number, align: "right" | undefined, isLast: boolean): string {
  const fill = " ".repeat(Math.max(0, to - width(text)));
  if (align === "right") return fill + text;
  return isLast ? text : text + fill;
}

// eslint-disable-next-line no-control-regex -- the colour codes of terminals begin with ESC
const COLOUR = /\u001b\[[0-9;]*m/g;

function plain(text: string): string {
  return text.replaceAll(COLOUR, "");
}

/** Places on a terminal: colours take none, and the letters and signs used here take one each. */
export function width(text: string): number {
  return Array.from(plain(text)).length;
}
