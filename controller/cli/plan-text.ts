/** A rollout's plan for a person: what will happen to each device, and why. */
import pc from "picocolors";
import type { Plan } from "../http/rollout-routes.ts";
import { bytes, counted } from "./human.ts";
import { table, type Column } from "./output.ts";

export function describePlan(plan: Plan): string {
  const able = plan.devices.filter(({ action }) => action !== "cannot");
  const offline = able.filter(({ online }) => !online).length;
  const lines = [
    `${pc.bold(`${plan.model}@${plan.version}`)}  ${bytes(plan.archiveBytes)}  to ${able.length} of ${counted(plan.devices.length, "device")} that match` +
      (offline === 0 ? "" : `, ${offline} of them offline now`),
  ];
  for (const { from, lines: difference } of plan.interfaceChanges) {
    lines.push(`  inputs and outputs differ from ${plan.model}@${from}:`, ...difference.map(coloured));
  }
  return [...lines, table({ rows: plan.devices.slice(0, DEVICES_SHOWN_MAX), columns: COLUMNS }, false)].join("\n");
}

const COLUMNS: readonly Column<Plan["devices"][number]>[] = [
  { title: "DEVICE", text: ({ device }) => device },
  { title: "NOW", text: ({ from }) => from ?? "–" },
  { title: "WILL", text: ({ action }) => (action === "cannot" ? pc.red("be left out") : PLANNED[action]) },
  {
    title: "WHY",
    text: ({ online, obstacles }) =>
      obstacles.map(({ text }) => text).join("; ") || (online ? "" : "when it is back online"),
  },
];

const PLANNED = { install: "install", replace: "replace", same: "confirm" } as const;

/** Of a plan on a terminal; `-o json` has all. */
const DEVICES_SHOWN_MAX = 50;

function coloured(line: string): string {
  if (line.startsWith("-")) return `    ${pc.red(line)}`;
  return line.startsWith("+") ? `    ${pc.green(line)}` : `    ${line}`;
}
