/** The parts of a fleet report that look back: what the moment does not show. */
import { countCell, grouped, instantCell, latencyText, percentText, shareCell, spanText, textCell } from "./cells.ts";
import type { ReportBlock, ReportSection } from "./document.ts";
import type { FleetHistory } from "./fleet-history.ts";
import type { DevicePresence, PresenceWindow } from "./presence-spans.ts";
import type { TrendSeries } from "./read-latency-trend.ts";
import type { Finding } from "./report-shape.ts";

/** Devices drawn or listed: those that were away the longest. */
const DEVICES_SHOWN_MAX = 15;
/** Shorter is a connection that was made anew. */
const AWAY_MS_MIN = 5_000;
/** Coming and going this often within the window is a finding even where the device is there now. */
const LOSSES_MIN = 5;

export function presenceBlocks(
  { presence }: Pick<FleetHistory, "presence">,
  { fromMs, toMs }: PresenceWindow,
): ReportBlock[] {
  const [onlineMs, knownMs] = [total(presence, "onlineMs"), total(presence, "knownMs")];
  if (knownMs === 0) return [];
  const away = presence
    .filter((one) => one.knownMs - one.onlineMs >= AWAY_MS_MIN)
    .sort((a, b) => a.onlineMs / a.knownMs - b.onlineMs / b.knownMs);
  const shown = away.slice(0, DEVICES_SHOWN_MAX);
  const share = onlineMs / knownMs;
  const figures: ReportBlock = {
    kind: "figures",
    figures: [
      { label: `Online, the last ${spanText(toMs - fromMs)}`, value: percentText(share), note: "of all device time" },
      { label: "Devices that were away", value: grouped(away.length), note: `of ${grouped(presence.length)}` },
    ],
  };
  if (shown.length === 0) return [figures];
  const chart: ReportBlock = {
    kind: "chart",
    shape: "spans",
    title: "When devices were there",
    unit: "green: online, red: away",
    fromMs,
    toMs,
    rows: shown.map(({ device, spans }) => ({
      label: device,
      spans: spans.map((span) => ({ fromMs: span.fromMs, toMs: span.toMs, tone: span.online ? "good" : "critical" })),
    })),
    alternative: `Away the longest: ${shown
      .slice(0, 3)
      .map((one) => `${one.device} for ${spanText(one.knownMs - one.onlineMs)}`)
      .join(", ")}.`,
  };
  const table: ReportBlock = {
    kind: "table",
    title: "Availability by device",
    columns: [
      { title: "Device" },
      { title: "Online", unit: "ratio", align: "right" },
      { title: "Away", unit: "s", align: "right" },
      { title: "Times it went", align: "right" },
    ],
    rows: shown.map((one) => [
      textCell(one.device),
      shareCell(one.onlineMs / one.knownMs),
      { text: spanText(one.knownMs - one.onlineMs), value: Math.round((one.knownMs - one.onlineMs) / 1_000) },
      countCell(one.losses, one.losses >= LOSSES_MIN ? "warning" : undefined),
    ]),
    leftOut: away.length - shown.length,
    whenEmpty: "",
  };
  return [figures, chart, table];
}

function total(presence: readonly DevicePresence[], of: "onlineMs" | "knownMs"): number {
  return presence.reduce((sum, one) => sum + one[of], 0);
}

/** `of` ends the titles of the charts, which are unique in a report. */
export function trendBlocks(trend: readonly TrendSeries[], { fromMs, toMs }: PresenceWindow, of = ""): ReportBlock[] {
  const measured = trend.filter(({ points }) => points.filter((one) => one.latencyP95Ms !== undefined).length >= 2);
  if (measured.length === 0) return [];
  const chart = (
    title: string,
    unit: string,
    of: (point: TrendSeries["points"][number]) => number | undefined,
    alternative: string,
  ): ReportBlock => ({
    kind: "chart",
    shape: "lines",
    title,
    unit,
    fromMs,
    toMs,
    series: measured.map(({ name, points }) => ({
      name,
      points: points.map((point) => ({ atMs: point.atMs, y: of(point) ?? null })),
    })),
    alternative,
  });
  const errors = measured.some(({ points }) => points.some(({ errorRate = 0 }) => errorRate > 0));
  return [
    chart(`Latency in the model, 95th percentile${of}`, "ms", (point) => point.latencyP95Ms, latencyWords(measured)),
    ...(errors
      ? [chart(`Errors${of}`, "% of requests", ({ errorRate }) => errorRate && 100 * errorRate, errorWords(measured))]
      : []),
  ];
}

function latencyWords(trend: readonly TrendSeries[]): string {
  return `${trend
    .map(({ name, points }) => {
      const values = points.flatMap(({ latencyP95Ms }) => (latencyP95Ms === undefined ? [] : [latencyP95Ms]));
      const [first = 0, last = 0] = [values[0], values.at(-1)];
      return `${name} from ${latencyText(first)} to ${latencyText(last)}, at most ${latencyText(Math.max(...values))}`;
    })
    .join("; ")}.`;
}

function errorWords(trend: readonly TrendSeries[]): string {
  return `${trend
    .map(
      ({ name, points }) => `${name} at most ${percentText(Math.max(0, ...points.map((one) => one.errorRate ?? 0)))}`,
    )
    .join("; ")}.`;
}

export function gapsBlock({ gaps }: Pick<FleetHistory, "gaps">): ReportBlock {
  const shown = gaps.slice(0, DEVICES_SHOWN_MAX);
  return {
    kind: "table",
    title: "Gaps by device",
    columns: [
      { title: "Device" },
      { title: "Cause" },
      { title: "Records", align: "right" },
      { title: "Gaps", align: "right" },
      { title: "Declared last", unit: "UTC" },
    ],
    rows: shown.map(({ device, cause, records, gaps: count, lastMs }) => [
      textCell(device),
      textCell(cause),
      countCell(records),
      countCell(count),
      instantCell(lastMs),
    ]),
    leftOut: gaps.length - shown.length,
    whenEmpty: "No gap was declared in this time.",
  };
}

export function certificatesSection(
  { certificates }: Pick<FleetHistory, "certificates">,
  nowMs: number,
): ReportSection {
  const shown = certificates.slice(0, DEVICES_SHOWN_MAX);
  const table: ReportBlock = {
    kind: "table",
    title: "Certificates that end",
    columns: [{ title: "Device" }, { title: "Ends", unit: "UTC" }, { title: "Left" }],
    rows: shown.map(({ device, expiresMs }) => [
      textCell(device),
      instantCell(expiresMs),
      expiresMs <= nowMs ? textCell("ended", "critical") : textCell(spanText(expiresMs - nowMs), "warning"),
    ]),
    leftOut: certificates.length - shown.length,
    whenEmpty: "No device's certificate ends within ten days.",
  };
  return { title: "Certificates", blocks: [table] };
}

/** What only the look back shows, each with what to do next. */
export function historyFindings(
  { presence, gaps, certificates }: Pick<FleetHistory, "presence" | "gaps" | "certificates">,
  nowMs: number,
): Finding[] {
  const ended = certificates.filter(({ expiresMs }) => expiresMs <= nowMs);
  const ending = certificates.filter(({ expiresMs }) => expiresMs > nowMs);
  const restless = presence.filter(({ losses }) => losses >= LOSSES_MIN);
  const [worst] = gaps;
  return [
    ...finding("critical", ended, (count) => `${count} with a certificate that has ended: it cannot connect`, {
      next: "Let it enrol again: `ferry device invite DEVICE`, and on the device the line that it prints.",
    }),
    ...finding("warning", ending, (count) => `${count} with a certificate that ends within ten days`, {
      next: "Devices renew by themselves a month ahead: see what keeps it from that with `ferry device show DEVICE`.",
    }),
    ...finding("warning", restless, (count) => `${count} came and went ${LOSSES_MIN} times or more`, {
      next: "Look at the network and the power there; `ferry events` has each time.",
    }),
    ...(worst === undefined
      ? []
      : finding("note", gaps, (count) => `${count} declared gaps; the greatest is ${worst.device}, ${worst.cause}`, {
          next: `See each with \`ferry telemetry gaps --device ${worst.device}\`.`,
        })),
  ];
}

function finding(
  severity: Finding["severity"],
  of: readonly Pick<DevicePresence, "device">[],
  text: (count: string) => string,
  { next }: Pick<Finding, "next">,
): Finding[] {
  const devices = [...new Set(of.map(({ device }) => device))];
  if (devices.length === 0) return [];
  const count = devices.length === 1 ? "1 device" : `${devices.length} devices`;
  return [{ severity, text: text(count), devices: devices.slice(0, 100), next }];
}
