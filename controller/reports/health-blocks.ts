/** A device's health: what it told last, how it went, and what of it needs somebody. Pure. */
import type { DeviceId } from "../../protocol/ids.ts";
import type { RecordFields } from "../../protocol/messages/telemetry-batch.ts";
import { grouped, instantText, percentText, spanText } from "./cells.ts";
import type { ReportBlock, ReportCell } from "./document.ts";
import { textCell } from "./cells.ts";
import type { PresenceWindow } from "./presence-spans.ts";
import { greatestOver, numberIn, type HealthPoint } from "./read-health-series.ts";
import type { Finding } from "./report-shape.ts";

/** As the default alert rules have them. */
const CELSIUS_MAX = 82;
const DISK_FREE_MIN = 0.05;
/** Makers call an eMMC with more than that at the end of its life. */
const WEAR_PERCENT_MAX = 90;
/** Of the times that were told: a board that throttles now and then is loaded, and no more. */
const THROTTLED_SHARE_MAX = 0.1;

export function healthFindings(device: DeviceId, health: readonly HealthPoint[]): Finding[] {
  const last = health.at(-1)?.fields;
  if (last === undefined) return [];
  const found: (Pick<Finding, "severity" | "text" | "next"> | undefined)[] = [
    hotFinding(device, health),
    shareFinding(
      device,
      health,
      "isThrottled",
      "held its clock back",
      "Check its cooling and what else runs there; a board that throttles answers late.",
    ),
    shareFinding(
      device,
      health,
      "isUndervolted",
      "had too little voltage",
      "Give it the power supply that its maker names, and a short cable.",
    ),
    diskFinding(device, last),
    wearFinding(device, last),
    budgetFinding(device, last),
  ];
  return found.flatMap((finding) => (finding === undefined ? [] : [{ ...finding, devices: [device] }]));
}

function hotFinding(device: DeviceId, health: readonly HealthPoint[]) {
  const hottest = Math.max(...health.map(({ fields }) => numberIn(fields, "temperatureCelsius") ?? -Infinity));
  if (hottest <= CELSIUS_MAX) return undefined;
  return {
    severity: "warning" as const,
    text: `${device} was at ${Math.round(hottest)} °C`,
    next: "Check its cooling; most boards hold their clock back from 80 to 85 °C.",
  };
}

function shareFinding(device: DeviceId, health: readonly HealthPoint[], name: string, did: string, next: string) {
  const told = health.flatMap(({ fields }) => {
    const value = fields[name];
    return typeof value === "boolean" ? [Number(value)] : typeof value === "number" ? [value] : [];
  });
  const share = told.reduce((sum, value) => sum + value, 0) / Math.max(1, told.length);
  if (share <= THROTTLED_SHARE_MAX) return undefined;
  return { severity: "warning" as const, text: `${device} ${did} in ${percentText(share)} of this time`, next };
}

function diskFinding(device: DeviceId, last: RecordFields) {
  const [free, total] = [last["diskFreeBytes"], last["diskTotalBytes"]];
  if (typeof free !== "number" || typeof total !== "number" || total <= 0 || free / total >= DISK_FREE_MIN)
    return undefined;
  return {
    severity: "warning" as const,
    text: `The disk of ${device} has ${percentText(free / total)} left`,
    next: "Free space there: telemetry is added up, then dropped, when the disk is full, and no bundle is fetched.",
  };
}

function wearFinding(device: DeviceId, last: RecordFields) {
  const wear = numberIn(last, "diskWearPercent");
  if (wear === undefined || wear < WEAR_PERCENT_MAX) return undefined;
  return {
    severity: "warning" as const,
    text: `The flash memory of ${device} has used ${Math.round(wear)} % of its life`,
    next: "Plan to replace it: it turns read-only or loses data when it is worn.",
  };
}

function budgetFinding(device: DeviceId, last: RecordFields) {
  const [used, budget] = [last["dataUsedBytes"], last["dataBudgetBytes"]];
  if (typeof used !== "number" || typeof budget !== "number" || budget <= 0 || used < budget) return undefined;
  return {
    severity: "warning" as const,
    text: `${device} has used its data budget of this month (${bytesText(used)} of ${bytesText(budget)})`,
    next: "Events and evidence still come, measurements once a day. More: `--data-budget` of `ferry-agent join`, or `data` in its agent.json.",
  };
}

/** What a person looks for first, in this order; what the device cannot tell is left out. */
const ROWS: readonly { readonly title: string; readonly cell: (fields: RecordFields) => ReportCell | undefined }[] = [
  { title: "Processor", cell: percentCell("cpuPercent") },
  { title: "Temperature", cell: unitCell("temperatureCelsius", "°C") },
  { title: "Clock held back", cell: yesNoCell("isThrottled") },
  { title: "Too little voltage", cell: yesNoCell("isUndervolted") },
  {
    title: "Memory in use",
    cell: ({ memoryTotalBytes, memoryAvailableBytes }) => usedCell(memoryTotalBytes, memoryAvailableBytes),
  },
  { title: "Disk in use", cell: ({ diskTotalBytes, diskFreeBytes }) => usedCell(diskTotalBytes, diskFreeBytes) },
  { title: "Flash memory used up", cell: percentCell("diskWearPercent") },
  { title: "Graphics processor", cell: percentCell("gpuPercent") },
  { title: "Link, round trip", cell: unitCell("linkRoundTripMs", "ms") },
  { title: "Telemetry that waits there", cell: unitCell("outboxPending", "records") },
  { title: "Data this month", cell: dataCell },
  { title: "Agent, memory", cell: bytesCell("agentRssBytes") },
  { title: "Model runners, memory", cell: bytesCell("runnersRssBytes") },
  { title: "Up for", cell: ({ uptimeSeconds }) => secondsCell(uptimeSeconds) },
  { title: "Agent up for", cell: ({ agentUptimeSeconds }) => secondsCell(agentUptimeSeconds) },
];

export function healthBlocks(health: readonly HealthPoint[], window: PresenceWindow): ReportBlock[] {
  const last = health.at(-1);
  const table: ReportBlock = {
    kind: "table",
    title: "What it told last",
    columns: [{ title: "Of" }, { title: "Value", align: "right" }],
    rows:
      last === undefined
        ? []
        : ROWS.flatMap(({ title, cell }) => {
            const value = cell(last.fields);
            return value === undefined ? [] : [[textCell(title), value]];
          }),
    whenEmpty: "It told nothing of its health in this time: look back further, or see whether it is online.",
  };
  const when: ReportBlock[] =
    last === undefined ? [] : [{ kind: "paragraph", text: `Told last at ${instantText(last.atMs)} UTC.` }];
  if (health.length < 2) return [...when, table];
  const chart = (
    title: string,
    unit: string,
    of: { readonly name: string; readonly value: (fields: RecordFields) => number | undefined }[],
  ): ReportBlock[] => {
    const series = of
      .map(({ name, value }) => ({ name, points: greatestOver(health, window, value) }))
      .filter(({ points }) => points.filter(({ y }) => y !== null).length >= 2);
    if (series.length === 0) return [];
    const alternative = `${series
      .map(
        ({ name, points }) =>
          `${name} at most ${Number(Math.max(...points.map(({ y }) => y ?? 0)).toPrecision(3))} ${unit}`,
      )
      .join("; ")}.`;
    return [{ kind: "chart", shape: "lines", title, unit, ...window, series, alternative }];
  };
  return [
    ...chart("Load", "%", [
      { name: "processor", value: (fields) => numberIn(fields, "cpuPercent") },
      {
        name: "memory",
        value: ({ memoryTotalBytes, memoryAvailableBytes }) => usedPercent(memoryTotalBytes, memoryAvailableBytes),
      },
      { name: "graphics processor", value: (fields) => numberIn(fields, "gpuPercent") },
    ]),
    ...chart("Temperature", "°C", [
      { name: "processor", value: (fields) => numberIn(fields, "temperatureCelsius") },
      { name: "graphics processor", value: (fields) => numberIn(fields, "gpuTemperatureCelsius") },
    ]),
    ...when,
    table,
  ];
}

function usedPercent(total: unknown, free: unknown): number | undefined {
  return typeof total === "number" && typeof free === "number" && total > 0
    ? (100 * (total - free)) / total
    : undefined;
}

type CellOf = (fields: RecordFields) => ReportCell | undefined;

function percentCell(name: string): CellOf {
  return unitCell(name, "%");
}

function unitCell(name: string, unit: string): CellOf {
  return (fields) => {
    const value = fields[name];
    return typeof value === "number" ? { text: `${grouped(Number(value.toPrecision(3)))} ${unit}`, value } : undefined;
  };
}

/** Of a sum, the share of time. */
function yesNoCell(name: string): CellOf {
  return (fields) => {
    const value = fields[name];
    if (typeof value !== "boolean" && typeof value !== "number") return undefined;
    const share = Number(value);
    const text = share === 0 ? "no" : share === 1 ? "yes" : `${percentText(share)} of the time`;
    return { text, value: share, ...(share === 0 ? {} : { tone: "warning" as const }) };
  };
}

function bytesCell(name: string): CellOf {
  return (fields) => {
    const value = fields[name];
    return typeof value === "number" ? { text: bytesText(value), value } : undefined;
  };
}

function usedCell(total: unknown, free: unknown): ReportCell | undefined {
  const used = usedPercent(total, free);
  if (used === undefined) return undefined;
  return { text: `${Math.round(used)} % of ${bytesText(Number(total))}`, value: used };
}

function dataCell({ dataUsedBytes: used, dataBudgetBytes: budget }: RecordFields): ReportCell | undefined {
  if (typeof used !== "number") return undefined;
  return {
    text: typeof budget === "number" ? `${bytesText(used)} of ${bytesText(budget)}` : bytesText(used),
    value: used,
  };
}

function secondsCell(seconds: unknown): ReportCell | undefined {
  return typeof seconds === "number" ? { text: spanText(1_000 * seconds), value: seconds } : undefined;
}

function bytesText(bytes: number): string {
  const [unit, size] = bytes >= 1e9 ? ["GB", 1e9] : bytes >= 1e6 ? ["MB", 1e6] : ["kB", 1e3];
  return `${Number((bytes / size).toPrecision(3))} ${unit}`;
}
