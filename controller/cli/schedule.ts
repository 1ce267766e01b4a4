/** `ferry schedule …`: reports that the controller makes by the clock. */
import { Option, type Command } from "commander";
import pc from "picocolors";
import { EXIT, FerryError } from "../../common/ferry-error.ts";
import type { ReportKind } from "../reports/document.ts";
import { REPORT_FORMATS, type ReportFormat } from "../reports/render-report.ts";
import type { Delivery, ScheduleSpec, ScheduleView } from "../schedules/schedule-shape.ts";
import {
  clientOf,
  formatOf,
  withController,
  withExamples,
  withRemote,
  type RemoteCommandOptions,
  type RemoteOptions,
} from "./context.ts";
import { ago, counted, duration, instant } from "./human.ts";
import { print, printListing, printOne, say, type Column } from "./output.ts";
import { windowSeconds } from "./report.ts";
import { scheduleNamed } from "./resource-kinds.ts";

interface CreateOptions extends RemoteCommandOptions {
  readonly cron: string;
  readonly timezone: string;
  readonly report: ReportKind;
  readonly subject?: string;
  readonly window: number;
  readonly format: readonly ReportFormat[];
  readonly receiver?: readonly string[];
  readonly folder: boolean;
  readonly keep: number;
  readonly keepDays: number;
}

const KINDS: readonly ReportKind[] = ["fleet", "model", "device", "rollout", "drift", "experiment"];
const DAY_SECONDS = 86_400;

export function addScheduleCommands(program: Command): void {
  const schedule = program.command("schedule").description("reports that the controller makes by the clock");
  const create = schedule
    .command("create <name>")
    .description("add a schedule, in the place of one of its name")
    .requiredOption("--cron <expression>", "minute, hour, day, month, weekday, such as '0 7 * * 1'")
    .option("--timezone <zone>", "whose clocks, such as Europe/Oslo", "UTC")
    .addOption(new Option("--report <kind>", "what is reported").choices(KINDS).default("fleet"))
    .option("--subject <name>", "the model, device, rollout or experiment that it is about")
    .addOption(
      new Option("--window <time>", "what it looks back on, such as 24h or 7d")
        .argParser(windowSeconds)
        .default(DAY_SECONDS, "24h"),
    )
    .addOption(new Option("--format <formats...>", "one file each").choices(REPORT_FORMATS).default(["html"], "html"))
    .option("--receiver <names...>", "send it there, too: reports.receivers of controller.json")
    .option("--no-folder", "keep no file on the controller")
    .option("--keep <runs>", "runs whose files are kept", wholeNumber, 30)
    .option("--keep-days <days>", "and for how long at most", wholeNumber, 400)
    .action(createSchedule);
  withRemote(
    create,
    "ferry schedule create monday --cron '0 7 * * 1' --timezone Europe/Oslo --window 7d --format html csv",
    "ferry schedule create digits-drift --cron '0 6 * * *' --report drift --subject digits --receiver mail",
  );
  const list = schedule
    .command("list")
    .description("every schedule, when it is due, and how the last run went")
    .action(listSchedules);
  withRemote(list, "ferry schedule list", "ferry schedule list -o wide");
  const run = schedule.command("run <name>").description("make its report and deliver it now").action(runSchedule);
  withRemote(run, "ferry schedule run monday");
  const remove = schedule
    .command("remove <name>")
    .description("forget a schedule; files that it made stay")
    .action(removeSchedule);
  withExamples(withController(remove), "ferry schedule remove monday");
}

function wholeNumber(text: string): number {
  if (/^[1-9][0-9]{0,3}$/.test(text)) return Number(text);
  throw new FerryError("usage", `${JSON.stringify(text)} is not a number from 1 to 9999`, {
    hint: "Give a whole number, such as --keep 30.",
    exitCode: EXIT.usage,
  });
}

async function createSchedule(name: string, options: CreateOptions): Promise<void> {
  const { cron, timezone, report, subject, window, format, receiver = [], folder, keep, keepDays } = options;
  const spec: ScheduleSpec = {
    ...{ name, cron, timezone, report, windowSeconds: window, formats: [...format] },
    ...{ toFolder: folder, receivers: [...receiver], keep, keepDays },
    ...(subject === undefined ? {} : { subject }),
  };
  const { schedule, outcome } = await clientOf(options).setSchedule({ body: spec });
  printOne(schedule, formatOf(options), () => scheduleText(schedule, outcome), name);
  say(`next: ferry schedule run ${name}`);
}

/** `✔ schedule monday created: next on 2026-11-30 06:00:00Z, then html, csv in /…/monday`. */
export function scheduleText({ spec, state, folder }: ScheduleView, outcome: string): string {
  const where = [...(folder === undefined ? [] : [folder]), ...spec.receivers].join(", ");
  const due = state.dueMs === null ? "never again" : `next on ${instant(state.dueMs)}`;
  return `${pc.green("✔")} schedule ${pc.bold(spec.name)} ${outcome}: ${due}, ${spec.formats.join(", ")} to ${where}`;
}

export async function listSchedules(options: RemoteCommandOptions): Promise<void> {
  const { schedules } = await clientOf(options).listSchedules({});
  const whenEmpty =
    "No schedule yet. Make one with: ferry schedule create monday --cron '0 7 * * 1' --timezone Europe/Oslo";
  printListing(
    { rows: schedules, columns: SCHEDULE_COLUMNS, name: ({ spec }) => spec.name, whenEmpty },
    formatOf(options),
  );
  for (const { spec, state } of schedules) {
    if (state.lastProblem !== undefined) say(`${pc.red("✖")} ${spec.name}: ${state.lastProblem}`);
  }
}

export const SCHEDULE_COLUMNS: readonly Column<ScheduleView>[] = [
  { title: "SCHEDULE", text: ({ spec }) => spec.name },
  { title: "REPORT", text: ({ spec }) => [spec.report, spec.subject].filter((part) => part !== undefined).join(" ") },
  { title: "CRON", text: ({ spec }) => spec.cron },
  { title: "TIME ZONE", text: ({ spec }) => spec.timezone },
  {
    title: "NEXT",
    text: ({ state: { dueMs } }) => (dueMs === null ? "never" : `in ${duration(Math.max(0, dueMs - Date.now()))}`),
    csv: ({ state: { dueMs } }) => (dueMs === null ? "" : instant(dueMs)),
  },
  {
    title: "LAST",
    text: ({ state }) => lastText(state),
    csv: ({ state: { lastMs } }) => (lastMs === undefined ? "" : instant(lastMs)),
  },
  { title: "FORMATS", text: ({ spec }) => spec.formats.join(","), wide: true },
  {
    title: "TO",
    text: ({ spec, folder }) => [folder, ...spec.receivers].filter((to) => to !== undefined).join(", "),
    wide: true,
  },
];

/** One schedule, whole. */
export async function showSchedule(name: string, options: RemoteCommandOptions): Promise<void> {
  const schedule = await scheduleNamed(clientOf(options), name);
  printOne(schedule, formatOf(options), () => describeSchedule(schedule), name);
  say(`next: to see that it arrives, ferry schedule run ${name}`);
}

function describeSchedule({ spec, state, author, changedMs, folder }: ScheduleView): string {
  const { lastMs, lastProblem, dueMs } = state;
  const to = [...(folder === undefined ? [] : [folder]), ...spec.receivers].join(", ");
  return [
    pc.bold(spec.name),
    `  report    ${[spec.report, spec.subject].filter((part) => part !== undefined).join(" ")}, of ${duration(1_000 * spec.windowSeconds)}, as ${spec.formats.join(", ")}`,
    `  when      ${spec.cron}, by the clocks of ${spec.timezone}`,
    `  next      ${dueMs === null ? "never again" : instant(dueMs)}`,
    `  last      ${lastMs === undefined ? "–" : `${instant(lastMs)}${lastProblem === undefined ? "" : `: ${lastProblem}`}`}`,
    `  to        ${to}`,
    ...(folder === undefined ? [] : [`  keeps     ${counted(spec.keep, "run")}, for ${spec.keepDays} days`]),
    `  changed   ${ago(changedMs)} ago by ${author}`,
  ].join("\n");
}

function lastText({ lastMs, lastProblem, failures }: ScheduleView["state"]): string {
  if (lastMs === undefined) return "–";
  if (lastProblem === undefined) return `${pc.green("✔")} ${ago(lastMs)} ago`;
  return `${pc.red("✖")} ${ago(lastMs)} ago${failures > 0 ? ", tried again" : ""}`;
}

async function runSchedule(name: string, options: RemoteCommandOptions): Promise<void> {
  const { deliveries } = await clientOf(options).runSchedule({ params: { schedule: name } });
  const format = formatOf(options);
  printOne(deliveries, format, () => deliveries.map(deliveryText).join("\n"), name);
  if (deliveries.some(({ problem }) => problem !== undefined)) process.exitCode = EXIT.failed;
}

function deliveryText({ to, problem, files = [] }: Delivery): string {
  if (problem !== undefined) return `${pc.red("✖")} ${to}: ${problem}`;
  return files.length === 0 ? `${pc.green("✔")} ${to}` : files.map((file) => `${pc.green("✔")} ${file}`).join("\n");
}

async function removeSchedule(name: string, options: RemoteOptions): Promise<void> {
  const { folder } = await clientOf(options).deleteSchedule({ params: { schedule: name } });
  print(`${pc.green("✔")} schedule ${name} is removed`);
  if (folder !== undefined) say(`What it made stays on the controller, in ${folder}`);
}
