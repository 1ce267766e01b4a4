/**
 * A chart as one SVG element, drawn for a width in CSS pixels so that its text keeps its size. It has no colours of its own:
 * classes (`s0` … `s5` for series, `good`, `warning`, `critical`) are coloured by the style sheet of the page.
 */
import { unreachable } from "../../protocol/unreachable.ts";
import type { BarChart, IntervalChart, LineChart, ReportChart, SpanChart } from "./document.ts";
import { escapeHtml } from "./escape-html.ts";
import { niceScale, tickText, type Scale } from "./nice-scale.ts";
import { timeTicks } from "./time-ticks.ts";

/** Series told apart by colour and dash; further ones begin again. */
export const SERIES_STYLES = 6;

const HEIGHT = 200;
const ROW_HEIGHT = 26;
const TOP = 10;
const BOTTOM = 26;
const LEFT = 44;
const RIGHT = 20;
/** Of one letter of the labels, roughly: 12 px sans-serif. */
const LETTER = 6.7;

export function svgChart(chart: ReportChart, width: number, id: string): string {
  switch (chart.shape) {
    case "lines":
      return lines(chart, width, id);
    case "bars":
      return bars(chart, width, id);
    case "intervals":
      return intervals(chart, width, id);
    case "spans":
      return spans(chart, width, id);
    default:
      return unreachable(chart);
  }
}

function lines(chart: LineChart, width: number, id: string): string {
  const limits = chart.limits ?? [];
  const values = [...chart.series.flatMap(({ points }) => points.map(({ y }) => y ?? 0)), ...limits.map(({ y }) => y)];
  const scale = niceScale(values);
  const x = timeAxis(chart, LEFT, width - RIGHT);
  const y = along(scale, HEIGHT - BOTTOM, TOP);
  const paths = chart.series.map(({ points }, at) => {
    const style = `s${at % SERIES_STYLES}`;
    let isDown = false;
    let path = "";
    for (const { atMs, y: value } of points) {
      path += value === null ? "" : `${isDown ? "L" : "M"}${fix(x(atMs))} ${fix(y(value))}`;
      isDown = value !== null;
    }
    const lonely = points
      .filter(
        (point, n) => point.y !== null && (points[n - 1]?.y ?? null) === null && (points[n + 1]?.y ?? null) === null,
      )
      .map((point) => `<circle class="${style} dot" cx="${fix(x(point.atMs))}" cy="${fix(y(point.y ?? 0))}" r="2.5"/>`);
    return `<path class="line ${style}" d="${path}"/>${lonely.join("")}`;
  });
  const across = limits.map(
    (limit) =>
      `<line class="limit" x1="${LEFT}" x2="${width - RIGHT}" y1="${fix(y(limit.y))}" y2="${fix(y(limit.y))}"/>` +
      label(limit.label, width - RIGHT, y(limit.y) - 4, "end"),
  );
  return svg(chart, { width, height: HEIGHT, id }, [
    grid(scale, y, width),
    timeLabels(chart, x, HEIGHT),
    ...paths,
    ...across,
  ]);
}

function bars(chart: BarChart, width: number, id: string): string {
  const scale = niceScale(chart.series.flatMap(({ values }) => values));
  const y = along(scale, HEIGHT - BOTTOM, TOP);
  const slot = (width - LEFT - RIGHT) / Math.max(1, chart.categories.length);
  const gap = Math.min(8, slot * 0.2);
  const thick = Math.min(48, (slot - gap) / Math.max(1, chart.series.length));
  const every = Math.max(1, Math.ceil((LETTER * Math.min(14, longest(chart.categories)) + 6) / slot));
  const drawn = chart.categories.flatMap((category, at) => {
    const middle = LEFT + (at + 0.5) * slot;
    const first = middle - (thick * chart.series.length) / 2;
    const rects = chart.series.map(({ values }, n) => {
      const [top, base] = [y(Math.max(0, values[at] ?? 0)), y(Math.min(0, values[at] ?? 0))];
      return `<rect class="s${n % SERIES_STYLES}" x="${fix(first + n * thick)}" y="${fix(top)}" width="${fix(Math.max(1, thick - 1))}" height="${fix(Math.max(0, base - top))}"/>`;
    });
    return at % every === 0 ? [...rects, label(shortened(category, 14), middle, HEIGHT - 8, "middle")] : rects;
  });
  return svg(chart, { width, height: HEIGHT, id }, [grid(scale, y, width), ...drawn]);
}

function intervals(chart: IntervalChart, width: number, id: string): string {
  const { reference } = chart;
  const scale = niceScale([
    ...chart.rows.flatMap(({ low, high }) => [low, high]),
    ...(reference === undefined ? [] : [reference]),
  ]);
  const left = labelRoom(
    chart.rows.map(({ label: text }) => text),
    width,
  );
  const height = TOP + chart.rows.length * ROW_HEIGHT + BOTTOM;
  const x = along(scale, left, width - RIGHT);
  const ticks = scale.ticks.map(
    (tick) =>
      `<line class="grid" x1="${fix(x(tick))}" x2="${fix(x(tick))}" y1="${TOP}" y2="${height - BOTTOM}"/>` +
      label(tickText(tick), x(tick), height - 8, "middle"),
  );
  const across =
    reference === undefined
      ? ""
      : `<line class="limit" x1="${fix(x(reference))}" x2="${fix(x(reference))}" y1="${TOP}" y2="${height - BOTTOM}"/>`;
  const rows = chart.rows.map(({ label: text, low, middle, high, tone = "s0" }, at) => {
    const y = TOP + (at + 0.5) * ROW_HEIGHT;
    return (
      rowLabel(text, left, y) +
      `<line class="whisker ${tone}" x1="${fix(x(low))}" x2="${fix(x(high))}" y1="${fix(y)}" y2="${fix(y)}"/>` +
      `<circle class="${tone} dot" cx="${fix(x(middle))}" cy="${fix(y)}" r="4.5"/>`
    );
  });
  return svg(chart, { width, height, id }, [...ticks, across, ...rows]);
}

function spans(chart: SpanChart, width: number, id: string): string {
  const left = labelRoom(
    chart.rows.map(({ label: text }) => text),
    width,
  );
  const height = TOP + chart.rows.length * ROW_HEIGHT + BOTTOM;
  const x = timeAxis(chart, left, width - RIGHT);
  const rows = chart.rows.map(({ label: text, spans: parts }, at) => {
    const y = TOP + at * ROW_HEIGHT + 5;
    const rects = parts.map(({ fromMs, toMs, tone }) => {
      const [from, to] = [x(Math.max(fromMs, chart.fromMs)), x(Math.min(toMs, chart.toMs))];
      // A short absence is seen, too.
      return `<rect class="${tone}" x="${fix(from)}" y="${y}" width="${fix(Math.max(1.5, to - from))}" height="${ROW_HEIGHT - 10}"/>`;
    });
    return rowLabel(text, left, TOP + (at + 0.5) * ROW_HEIGHT) + rects.join("");
  });
  return svg(chart, { width, height, id }, [timeLabels(chart, x, height), ...rows]);
}

interface Frame {
  readonly width: number;
  readonly height: number;
  readonly id: string;
}

function svg({ title, alternative }: ReportChart, { width, height, id }: Frame, parts: readonly string[]): string {
  return (
    `<svg viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" role="img" aria-labelledby="${id}-t ${id}-d">` +
    `<title id="${id}-t">${escapeHtml(title)}</title><desc id="${id}-d">${escapeHtml(alternative)}</desc>${parts.join("")}</svg>`
  );
}

type Along = (value: number) => number;

function along({ from, to }: Pick<Scale, "from" | "to">, start: number, end: number): Along {
  return (value) => start + ((value - from) / (to - from || 1)) * (end - start);
}

function timeAxis({ fromMs, toMs }: LineChart | SpanChart, start: number, end: number): Along {
  return along({ from: fromMs, to: toMs }, start, end);
}

function grid(scale: Scale, y: Along, width: number): string {
  return scale.ticks
    .map(
      (tick) =>
        `<line class="${tick === 0 ? "axis" : "grid"}" x1="${LEFT}" x2="${width - RIGHT}" y1="${fix(y(tick))}" y2="${fix(y(tick))}"/>` +
        label(tickText(tick), LEFT - 6, y(tick) + 4, "end"),
    )
    .join("");
}

function timeLabels({ fromMs, toMs }: LineChart | SpanChart, x: Along, height: number): string {
  const room = Math.max(2, Math.floor((x(toMs) - x(fromMs)) / 90));
  return timeTicks(fromMs, toMs, room)
    .map(
      ({ atMs, text }) =>
        `<line class="grid" x1="${fix(x(atMs))}" x2="${fix(x(atMs))}" y1="${TOP}" y2="${height - BOTTOM}"/>` +
        label(text, x(atMs), height - 8, "middle"),
    )
    .join("");
}

function label(text: string, x: number, y: number, anchor: "start" | "middle" | "end"): string {
  return `<text x="${fix(x)}" y="${fix(y)}" text-anchor="${anchor}">${escapeHtml(text)}</text>`;
}

function rowLabel(text: string, left: number, middle: number): string {
  return label(shortened(text, Math.floor((left - 8) / LETTER)), left - 8, middle + 4, "end");
}

/** What the names of rows take: a third of the width at most. */
function labelRoom(labels: readonly string[], width: number): number {
  return Math.min(width / 3, Math.max(LEFT, longest(labels) * LETTER + 12));
}

function longest(texts: readonly string[]): number {
  return Math.max(1, ...texts.map((text) => text.length));
}

function shortened(text: string, letters: number): string {
  return text.length <= letters ? text : `${text.slice(0, Math.max(1, letters - 1))}…`;
}

function fix(value: number): string {
  return String(Number(value.toFixed(1)));
}
