import type { Command } from "commander";
import pc from "picocolors";
import { EXIT, FerryError } from "../../common/ferry-error.ts";
import type { Finding, FleetReport, InferenceSummary } from "../reports/report-shape.ts";
import { clientOf, formatOf, withRemote, type RemoteCommandOptions } from "./context.ts";
import { counted, duration, instant, milliseconds, percent } from "./human.ts";
import { printOne, table, type Column } from "./output.ts";
import { stateMark } from "./state-mark.ts";

interface Options extends RemoteCommandOptions {
  readonly window: number;
}

export function addReportCommands(program: Command): void {
  const report = program.command("report").description("reports for people and programs");
  const fleet = report
    .command("fleet")
    .description("the fleet's health, and what to do next")
    .option("--window <seconds>", "latency and errors of this long", windowSeconds, 3_600)
    .action(fleetReport);
  withRemote(fleet, "ferry report fleet", "ferry report fleet --window 86400 -o json");
}

async function fleetReport(options: Options): Promise<void> {
  const report = await clientOf(options).fleetReport({ query: { windowSeconds: options.window } });
  printOne(report, formatOf(options), () => describeFleet(report), report.fleet);
}

/** The report as a person reads it: the verdict first, then what it rests on. */
export function describeFleet(report: FleetReport): string {
  const { availability, telemetry } = report;
  const sections = [
    `${pc.bold(`Fleet ${report.fleet}`)}  ${instant(report.atMs)}`,
    section("What to do next", findingsText(report.findings)),
    section(
      "Availability",
      [
        `${availability.online} of ${counted(availability.devices, "device")} online (${percent(availability.share)})`,
        ...availability.offline.map(({ device, text }) => `  ${device}  ${text}`),
      ].join("\n"),
    ),
    section("Models", modelsText(report)),
    section("Rollouts, by evidence", rolloutsText(report)),
    section(`Inference, the last ${duration(report.windowMs)}`, inferenceText(report.inference)),
    section("Telemetry", telemetryText(telemetry)),
  ];
  return sections.join("\n\n");
}

function telemetryText({ rolledUp = 0, ...telemetry }: FleetReport["telemetry"]): string {
  const parts = [
    `${telemetry.received} received`,
    ...(rolledUp === 0 ? [] : [`${rolledUp} told less finely`]),
    `${telemetry.declared - rolledUp} declared as lost`,
    `${telemetry.outstanding} on their way`,
    `${telemetry.missing} missing`,
  ];
  return `${telemetry.produced} records produced = ${parts.join(" + ")}`;
}

function section(title: string, text: string): string {
  return `${pc.bold(title)}\n${text.replaceAll(/^/gm, "  ")}`;
}

function findingsText(findings: readonly Finding[]): string {
  if (findings.length === 0) return `${pc.green("✔")} nothing`;
  return findings
    .map(({ severity, text, devices, next }) => {
      const named =
        devices.length === 0
          ? ""
          : ` (${devices.slice(0, NAMED_MAX).join(", ")}${devices.length > NAMED_MAX ? ", …" : ""})`;
      return `${MARKS[severity]()} ${text}${named}\n  ${pc.dim("→")} ${next}`;
    })
    .join("\n");
}

/** Devices named in one line. */
const NAMED_MAX = 5;

const MARKS = { critical: () => pc.red("✖"), warning: () => pc.yellow("!"), note: () => pc.cyan("·") } as const;

function modelsText({ models }: FleetReport): string {
  if (models.length === 0) return "no device serves a model";
  const rows = models.flatMap(({ model, versions, missing }) => [
    ...versions.map(({ version, devices }) => ({ model, version: String(version), devices })),
    ...(missing === 0 ? [] : [{ model, version: "none, although wished", devices: missing }]),
  ]);
  const columns: readonly Column<(typeof rows)[number]>[] = [
    { title: "MODEL", text: ({ model }) => model },
    { title: "VERSION", text: ({ version }) => version },
    { title: "DEVICES", text: ({ devices }) => String(devices), align: "right" },
  ];
  return table({ rows, columns }, false);
}

function rolloutsText({ rollouts }: FleetReport): string {
  if (rollouts.length === 0) return "none yet";
  const columns: readonly Column<FleetReport["rollouts"][number]>[] = [
    { title: "ID", text: ({ id }) => String(id), align: "right" },
    { title: "BUNDLE", text: ({ model, version }) => `${model}@${version}` },
    { title: "STATE", text: ({ state }) => stateMark(state) },
    { title: "PROVEN", text: ({ proven, devices }) => `${proven}/${devices}`, align: "right" },
    { title: "FAILED", text: ({ failed }) => (failed === 0 ? "0" : pc.red(String(failed))), align: "right" },
    {
      title: "NOT DONE",
      text: ({ open }) =>
        open
          .slice(0, 2)
          .map(({ device, text }) => `${device}: ${text}`)
          .join("; "),
    },
  ];
  return table({ rows: rollouts, columns }, false);
}

/** By the feedback that came. */
const TRUTH: Column<InferenceSummary> = {
  title: "BY ITS TRUTH",
  text: ({ accuracy, judged = 0, mae }) =>
    [
      ...(accuracy === undefined ? [] : [`${percent(accuracy)} of ${judged} right`]),
      ...(mae === undefined ? [] : [`off by ${mae.toPrecision(3)}`]),
    ].join(", ") || "–",
};

function inferenceText(summaries: readonly InferenceSummary[]): string {
  if (summaries.length === 0) return "no requests";
  const columns: readonly Column<InferenceSummary>[] = [
    { title: "MODEL", text: ({ slot, version }) => `${slot}@${version}` },
    { title: "DEVICES", text: ({ devices }) => String(devices), align: "right" },
    { title: "REQUESTS", text: ({ requests }) => String(requests), align: "right" },
    { title: "ERRORS", text: ({ errorRate }) => percent(errorRate), align: "right" },
    {
      title: "P50",
      text: ({ latencyP50Ms }) => (latencyP50Ms === undefined ? "–" : milliseconds(latencyP50Ms)),
      align: "right",
    },
    {
      title: "P95",
      text: ({ latencyP95Ms }) => (latencyP95Ms === undefined ? "–" : milliseconds(latencyP95Ms)),
      align: "right",
    },
    { title: "CRASHES", text: ({ crashes }) => String(crashes), align: "right" },
    ...(summaries.some(({ accuracy, mae }) => accuracy !== undefined || mae !== undefined) ? [TRUTH] : []),
  ];
  return table({ rows: summaries, columns }, false);
}

function windowSeconds(text: string): number {
  const value = Number(text);
  if (Number.isInteger(value) && value >= 60 && value <= 2_678_400) return value;
  throw new FerryError("usage", `${JSON.stringify(text)} is not a window`, {
    hint: "Give whole seconds from 60 to 2678400 (31 days), such as --window 86400.",
    exitCode: EXIT.usage,
  });
}
