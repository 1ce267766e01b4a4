/** A rollout's plan for a person: what will happen to each device and why, and when each stage will be over. */
import pc from "picocolors";
import type { Plan } from "../http/rollout-routes.ts";
import { bytes, counted, duration } from "./human.ts";
import { table, type Column } from "./output.ts";

export function describePlan(plan: Plan): string {
  const able = plan.devices.filter(({ action }) => action !== "cannot");
  const offline = able.filter(({ online }) => !online).length;
  const lines = [
    `${pc.bold(`${plan.model}@${plan.version}`)}  ${bytes(plan.archiveBytes)}  to ${able.length} of ${counted(plan.devices.length, "device")} that match` +
      (plan.mode === undefined ? "" : `, ${plan.mode}`) +
      (offline === 0 ? "" : `, ${offline} of them offline now`),
  ];
  for (const { from, lines: difference } of plan.interfaceChanges) {
    lines.push(`  inputs and outputs differ from ${plan.model}@${from}:`, ...difference.map(coloured));
  }
  lines.push(...plan.rivals.map((rival) => rivalText(plan, rival)), ...stagesText(plan));
  const shown = plan.devices.slice(0, DEVICES_SHOWN_MAX);
  const rest = plan.devices.length - shown.length;
  return [
    ...lines,
    table({ rows: shown, columns: COLUMNS }, false),
    ...(rest === 0 ? [] : [pc.dim(`… and ${rest} more; -o json has all`)]),
  ].join("\n");
}

const COLUMNS: readonly Column<Plan["devices"][number]>[] = [
  { title: "DEVICE", text: ({ device }) => device },
  { title: "NOW", text: ({ from }) => from ?? "–" },
  { title: "WILL", text: ({ action }) => (action === "cannot" ? pc.red("be left out") : PLANNED[action]) },
  { title: "STAGE", text: ({ stage }) => stage ?? "–" },
  { title: "BYTES", text: ({ forecast }) => (forecast === undefined ? "–" : bytes(forecast.bytes)), align: "right" },
  { title: "TIME", text: ({ forecast }) => timeText(forecast), align: "right" },
  { title: "ON", text: ({ provider }) => provider ?? "–" },
  {
    title: "WHY",
    text: ({ online, action, obstacles, notes }) =>
      [
        ...obstacles.map(({ text }) => text),
        ...(online || action === "cannot" ? [] : ["when it is back online"]),
        ...notes,
      ].join("; "),
  },
];

const PLANNED = { install: "install", replace: "replace", same: "confirm" } as const;

/** Of a plan on a terminal; `-o json` has all. */
const DEVICES_SHOWN_MAX = 50;

type Forecast = NonNullable<Plan["devices"][number]["forecast"]>;

/** `~` where it is the fleet's history and not the device's own. */
function timeText(forecast: Forecast | undefined): string {
  if (forecast === undefined || forecast.ms === null) return "–";
  return `${forecast.basis === "fleet" ? "~" : ""}${duration(forecast.ms)}`;
}

function rivalText(
  { model }: Plan,
  { rollout, version, state, priority, devices, keeps }: Plan["rivals"][number],
): string {
  const what = `rollout ${rollout} (${model}@${version}, ${state}, priority ${priority})`;
  return keeps
    ? pc.yellow(`  ${what} keeps ${counted(devices, "device")} of these: its priority is higher`)
    : pc.yellow(`  takes ${counted(devices, "device")} from ${what}`);
}

/** One stage without a soak, an approval or a time that anybody can tell needs no line. */
function stagesText({ stages }: Plan): readonly string[] {
  const isPlain =
    stages.length === 1 &&
    stages.every((stage) => !stage.needsApproval && !stage.matchesNobody && stage.finishMs === stage.startMs);
  if (isPlain) return [];
  const nowMs = Date.now();
  return stages.map((stage, at) => {
    if (stage.matchesNobody) return `  ${pc.bold(stage.name)}  ${pc.yellow(NOBODY[at === 0 ? "first" : "later"])}`;
    const begins = stage.needsApproval
      ? ["after an approval"]
      : stage.startMs - nowMs > SOON_MS
        ? [`begins ${when(stage.startMs)}`]
        : [];
    const unknown = stage.unknownDevices === 0 ? [] : [`${stage.unknownDevices} of unknown speed not counted`];
    const over = stage.unknownDevices === stage.devices && stage.devices > 0 ? [] : [`over ${when(stage.finishMs)}`];
    return `  ${pc.bold(stage.name)}  ${[counted(stage.devices, "device"), ...begins, ...over, ...unknown].join(", ")}`;
  });
}

/** Nobody has proven the version before the first stage, so it is not passed over. */
const NOBODY = {
  first: "no device matches its selector: the rollout waits until one does",
  later: "no device matches its selector: it will be passed over unless one does by then",
} as const;

/** A start within this time is now, for a person. */
const SOON_MS = 60_000;

/** The clock within a day, the date beyond it. */
function when(atMs: number): string {
  const inMs = Math.max(0, atMs - Date.now());
  if (inMs < DAY_MS) return `in about ${duration(inMs)}`;
  return `about ${new Date(atMs).toISOString().slice(0, 16).replace("T", " ")}Z`;
}

const DAY_MS = 86_400_000;

function coloured(line: string): string {
  if (line.startsWith("-")) return `    ${pc.red(line)}`;
  return line.startsWith("+") ? `    ${pc.green(line)}` : `    ${line}`;
}
