/** A report as one file that needs nothing else: no script, no font, no picture from anywhere. Everything in it is escaped. */
import { unreachable } from "../../protocol/unreachable.ts";
import { instantText, spanText } from "./cells.ts";
import type { ReportBlock, ReportCell, ReportChart, ReportDocument, ReportTable } from "./document.ts";
import { escapeHtml } from "./escape-html.ts";
import { HTML_STYLE } from "./html-style.ts";
import type { Finding } from "./report-shape.ts";
import { SERIES_STYLES, svgChart } from "./svg-chart.ts";

/** CSS pixels: beside each other on a desk, and on the narrowest telephone that is still common. */
const CHART_WIDE = 890;
const CHART_NARROW = 314;
/** Named in one finding; the tables below have the rest. */
const DEVICES_SHOWN_MAX = 20;

export function renderHtml(report: ReportDocument): string {
  const { title, atMs, fromMs, verdict, findings, sections } = report;
  const charts = { count: 0 };
  const body = sections.map(
    ({ title: name, blocks }) =>
      `<section><h2>${escapeHtml(name)}</h2>${blocks.map((block) => blockHtml(block, name, charts)).join("\n")}</section>`,
  );
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width,initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<title>${escapeHtml(title)}, ${instantText(atMs)} UTC</title>
<style>${HTML_STYLE}</style>
</head>
<body>
<main>
<header>
<h1>${escapeHtml(title)}</h1>
<p class="when"><time datetime="${new Date(atMs).toISOString()}">${instantText(atMs)} UTC</time> · looks back ${spanText(atMs - fromMs)}</p>
<p class="verdict ${verdict.tone}"><b>${TONE_WORDS[verdict.tone]}</b> <span>${withCode(verdict.text)}</span></p>
</header>
<section><h2>What to do next</h2>${findingsHtml(findings)}</section>
${body.join("\n")}
<footer>All times are UTC. Made by Modelferry from what the devices reported; the same report has --format md, csv and json.</footer>
</main>
</body>
</html>
`;
}

const TONE_WORDS = { good: "In order", warning: "Needs attention", critical: "Act now" } as const;

function findingsHtml(findings: readonly Finding[]): string {
  if (findings.length === 0) return "<p>Nothing: no finding needs a person.</p>";
  return `<ol class="findings">${findings.map(findingHtml).join("\n")}</ol>`;
}

function findingHtml({ severity, text, devices, next }: Finding): string {
  const shown = devices.slice(0, DEVICES_SHOWN_MAX).map(escapeHtml).join(", ");
  const more = devices.length > DEVICES_SHOWN_MAX ? `, … and ${devices.length - DEVICES_SHOWN_MAX} more` : "";
  const who = devices.length === 0 ? "" : `<div class="who">${shown}${more}</div>`;
  return `<li class="${severity}"><span class="severity">${severity}</span><div class="what">${withCode(text)}</div>${who}<div class="next">→ ${withCode(next)}</div></li>`;
}

function blockHtml(block: ReportBlock, section: string, charts: { count: number }): string {
  switch (block.kind) {
    case "paragraph":
      return `<p>${withCode(block.text)}</p>`;
    case "figures":
      return `<dl class="figures">${block.figures
        .map(({ label, value, note, tone }) => {
          const below = note === undefined ? "" : `<dd class="note">${escapeHtml(note)}</dd>`;
          return `<div><dt>${escapeHtml(label)}</dt><dd${classOf(tone)}>${escapeHtml(value)}</dd>${below}</div>`;
        })
        .join("")}</dl>`;
    case "table":
      return tableHtml(block, block.title === section);
    case "chart":
      charts.count += 1;
      return chartHtml(block, `c${charts.count}`);
    default:
      return unreachable(block);
  }
}

/** The roles say again what the elements mean: laid out as cards on a narrow screen, browsers forget it. */
function tableHtml({ title, columns, rows, leftOut = 0, whenEmpty }: ReportTable, isSaid: boolean): string {
  if (rows.length === 0) return `${isSaid ? "" : `<h3>${escapeHtml(title)}</h3>`}<p>${withCode(whenEmpty)}</p>`;
  const right = (at: number) => (columns[at]?.align === "right" ? "right" : undefined);
  const head = columns
    .map((column, at) => `<th scope="col" role="columnheader"${classOf(right(at))}>${escapeHtml(column.title)}</th>`)
    .join("");
  const body = rows.map((cells) => `<tr role="row">${cells.map((cell, at) => cellHtml(cell, at)).join("")}</tr>`);
  const more = leftOut === 0 ? "" : `<p class="more">… and ${leftOut} more.</p>`;
  const caption = isSaid ? ` aria-label="${escapeHtml(title)}"` : "";
  return `<div class="scroll"><table role="table"${caption}>${isSaid ? "" : `<caption>${escapeHtml(title)}</caption>`}<thead role="rowgroup"><tr role="row">${head}</tr></thead><tbody role="rowgroup">
${body.join("\n")}
</tbody></table></div>${more}`;

  function cellHtml({ text, tone }: ReportCell, at: number): string {
    const value = tone === undefined ? withCode(text) : `<span class="${tone}">${withCode(text)}</span>`;
    if (at === 0) return `<th scope="row" role="rowheader">${value}</th>`;
    return `<td role="cell" data-title="${escapeHtml(columns[at]?.title ?? "")}"${classOf(right(at))}>${value}</td>`;
  }
}

function chartHtml(chart: ReportChart, id: string): string {
  const names = chart.shape === "lines" || chart.shape === "bars" ? chart.series.map(({ name }) => name) : [];
  const legend =
    names.length < 2
      ? ""
      : `<ul class="legend">${names.map((name, at) => `<li><i class="s${at % SERIES_STYLES}"></i>${escapeHtml(name)}</li>`).join("")}</ul>`;
  return (
    `<figure><figcaption>${escapeHtml(chart.title)} <span class="unit">${escapeHtml(chart.unit)}</span></figcaption>${legend}` +
    `<div class="wide">${svgChart(chart, CHART_WIDE, `${id}w`)}</div><div class="narrow">${svgChart(chart, CHART_NARROW, `${id}n`)}</div>` +
    `<p class="alt">${escapeHtml(chart.alternative)}</p></figure>`
  );
}

function classOf(name: string | undefined): string {
  return name === undefined ? "" : ` class="${name}"`;
}

/** What stands between backticks is a command. */
function withCode(text: string): string {
  return escapeHtml(text).replaceAll(/`([^`]+)`/g, "<code>$1</code>");
}
