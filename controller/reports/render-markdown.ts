/** A report as GitHub-flavoured Markdown, for a wiki, an issue or a mail. */
import { unreachable } from "../../protocol/unreachable.ts";
import { instantText, spanText } from "./cells.ts";
import type { ReportBlock, ReportDocument, ReportTable } from "./document.ts";
import type { Finding } from "./report-shape.ts";

export function renderMarkdown({ title, atMs, fromMs, verdict, findings, sections }: ReportDocument): string {
  const parts = [
    `# ${escaped(title)}`,
    `${instantText(atMs)} UTC, looks back ${spanText(atMs - fromMs)}`,
    `**${escaped(verdict.text)}**`,
    "## What to do next",
    findings.length === 0 ? "Nothing: no finding needs a person." : findings.map(findingText).join("\n"),
    ...sections.flatMap(({ title: name, blocks }) => [
      `## ${escaped(name)}`,
      ...blocks.map((block) => blockText(block, name)),
    ]),
  ];
  return `${parts.join("\n\n")}\n`;
}

function findingText({ severity, text, devices, next }: Finding): string {
  const who = devices.length === 0 ? "" : ` (${devices.map(escaped).join(", ")})`;
  return `1. **${severity}**: ${escaped(text)}${who}  \n   → ${escaped(next)}`;
}

function blockText(block: ReportBlock, section: string): string {
  switch (block.kind) {
    case "paragraph":
      return escaped(block.text);
    case "figures":
      return block.figures
        .map(
          ({ label, value, note }) =>
            `- ${escaped(label)}: **${escaped(value)}**${note === undefined ? "" : ` (${escaped(note)})`}`,
        )
        .join("\n");
    case "table":
      return tableText(block, section);
    case "chart":
      return `**${escaped(block.title)}**: ${escaped(block.alternative)}`;
    default:
      return unreachable(block);
  }
}

function tableText({ title, columns, rows, leftOut = 0, whenEmpty }: ReportTable, section: string): string {
  const heading = title === section ? "" : `### ${escaped(title)}\n\n`;
  if (rows.length === 0) return `${heading}${escaped(whenEmpty)}`;
  const line = (cells: readonly string[]) => `| ${cells.join(" | ")} |`;
  const more = leftOut === 0 ? [] : ["", `… and ${leftOut} more.`];
  return (
    heading +
    [
      line(columns.map((column) => escaped(column.title))),
      line(columns.map(({ align }) => (align === "right" ? "--:" : "---"))),
      ...rows.map((cells) => line(cells.map(({ text }) => escaped(text)))),
      ...more,
    ].join("\n")
  );
}

/** What is between backticks stays a command; everything else is text, whatever signs it has. One line. */
function escaped(text: string): string {
  return text
    .replaceAll(/\s*\n\s*/g, " ")
    .split(/(`[^`|]+`)/)
    .map((part, at) => (at % 2 === 1 ? part : plain(part)))
    .join("");
}

function plain(text: string): string {
  return text
    .replaceAll("&", "&amp;")
    .replaceAll("<", "&lt;")
    .replaceAll(">", "&gt;")
    .replaceAll(/[\\`*_[\]|~#!]/g, String.raw`\$&`)
    .replace(/^(\s*)([-+])/, String.raw`$1\$2`)
    .replaceAll(/\b(https?):\/\//g, "$1&#58;//");
}
