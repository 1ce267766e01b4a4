/** A report as a terminal or a mail shows it. */
import { unreachable } from "../../protocol/unreachable.ts";
import { instantText, spanText } from "./cells.ts";
import type { ReportBlock, ReportDocument, ReportTable, Tone } from "./document.ts";
import type { Finding } from "./report-shape.ts";

/** How words are set off; each gives back text that takes as many places. */
export interface Paint {
  readonly strong: (text: string) => string;
  readonly dim: (text: string) => string;
  readonly tone: (text: string, tone: Tone | "note") => string;
}

export const NO_PAINT: Paint = { strong: (text) => text, dim: (text) => text, tone: (text) => text };

/** Devices named in one line. */
const NAMED_MAX = 5;
/** The longest cell of a table. */
const CELL_CHARS_MAX = 120;

export function renderText(report: ReportDocument, paint: Paint): string {
  const { title, atMs, fromMs, verdict, findings, sections } = report;
  const parts = [
    `${paint.strong(title)}  ${instantText(atMs)} UTC, the last ${spanText(atMs - fromMs)}\n${paint.tone(oneLine(verdict.text), verdict.tone)}`,
    section("What to do next", findingsText(findings, paint), paint),
    ...sections.map(({ title: name, blocks }) =>
      section(name, blocks.map((block) => blockText(block, name, paint)).join("\n"), paint),
    ),
  ];
  return `${parts.join("\n\n")}\n`;
}

function section(title: string, text: string, paint: Paint): string {
  return `${paint.strong(title)}\n${text.replaceAll(/^(?=.)/gm, "  ")}`;
}

const MARKS = { critical: "✖", warning: "!", note: "·" } as const;

function findingsText(findings: readonly Finding[], paint: Paint): string {
  if (findings.length === 0) return `${paint.tone("✔", "good")} nothing`;
  return findings
    .map(({ severity, text, devices, next }) => {
      const more = devices.length > NAMED_MAX ? ", …" : "";
      const named = devices.length === 0 ? "" : ` (${devices.slice(0, NAMED_MAX).join(", ")}${more})`;
      return `${paint.tone(MARKS[severity], severity)} ${oneLine(text)}${named}\n  ${paint.dim("→")} ${oneLine(next)}`;
    })
    .join("\n");
}

function blockText(block: ReportBlock, name: string, paint: Paint): string {
  switch (block.kind) {
    case "paragraph":
      return oneLine(block.text);
    case "figures":
      return block.figures
        .map(({ label, value, note, tone }) => {
          const shown = tone === undefined ? value : paint.tone(value, tone);
          return `${label}: ${shown}${note === undefined ? "" : paint.dim(` (${note})`)}`;
        })
        .join(paint.dim("  ·  "));
    case "table":
      return `${block.title === name ? "" : `${paint.dim(block.title)}\n`}${tableText(block, paint)}`;
    case "chart":
      return `${paint.dim(`${block.title}:`)} ${oneLine(block.alternative)}`;
    default:
      return unreachable(block);
  }
}

function tableText({ columns, rows, leftOut = 0, whenEmpty }: ReportTable, paint: Paint): string {
  if (rows.length === 0) return whenEmpty;
  const titles = columns.map(({ title }) => title.toUpperCase());
  const texts = rows.map((cells) => cells.map(({ text }) => shortened(oneLine(text))));
  const widths = titles.map((title, at) => Math.max(places(title), ...texts.map((cells) => places(cells[at] ?? ""))));
  const line = (cells: readonly string[], paintCell: (text: string, at: number) => string) =>
    cells
      .map((text, at) => padded(text, at, paintCell(text, at)))
      .join("  ")
      .trimEnd();
  return [
    line(titles, (text) => paint.strong(text)),
    ...texts.map((cells, row) =>
      line(cells, (text, at) => {
        const tone = rows[row]?.[at]?.tone;
        return tone === undefined ? text : paint.tone(text, tone);
      }),
    ),
    ...(leftOut === 0 ? [] : [`… and ${leftOut} more`]),
  ].join("\n");

  function padded(text: string, at: number, painted: string): string {
    const fill = " ".repeat(Math.max(0, (widths[at] ?? 0) - places(text)));
    if (columns[at]?.align === "right") return fill + painted;
    return at === columns.length - 1 ? painted : painted + fill;
  }
}

function places(text: string): number {
  return Array.from(text).length;
}

function shortened(text: string): string {
  return text.length <= CELL_CHARS_MAX ? text : `${text.slice(0, CELL_CHARS_MAX - 1)}…`;
}

// eslint-disable-next-line no-control-regex -- what a device wrote must not steer the terminal
const CONTROLS = /[\u0000-\u001f\u007f-\u009f]+/g;

function oneLine(text: string): string {
  return text.replaceAll(CONTROLS, " ");
}
