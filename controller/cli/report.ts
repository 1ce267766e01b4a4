/** `ferry report …`: what a person sends on, prints, or reads at night; each finding with what to do next. */
import type { Command } from "commander";
import { EXIT, FerryError } from "../../common/ferry-error.ts";
import type { ReportKind } from "../reports/document.ts";
import { clientOf, formatOf, withRemote, type RemoteCommandOptions } from "./context.ts";
import { durationMs } from "./duration.ts";
import { deviceId, experimentName, modelName, rolloutId } from "./ids.ts";
import { printOne } from "./output.ts";
import { withReportOutput, writeReport, type ReportOutputOptions } from "./report-output.ts";

interface Options extends RemoteCommandOptions, ReportOutputOptions {
  readonly window?: number;
}

const HOUR_SECONDS = 3_600;
const DAY_SECONDS = 86_400;

export function addReportCommands(program: Command): void {
  const report = program.command("report").description("reports for people and programs, with what to do next");
  const fleet = withWindow(report.command("fleet"), HOUR_SECONDS)
    .description("the fleet's health: who is there, what runs, what changed, what was lost")
    .action(fleetReport);
  withRemote(
    withReportOutput(fleet),
    "ferry report fleet",
    "ferry report fleet --window 7d --out fleet.html",
    "ferry report fleet --window 24h --out tables/",
    "ferry report fleet -o json",
  );
  const model = withWindow(report.command("model <model>"), DAY_SECONDS)
    .description("one model everywhere: versions, latency and errors by hardware, drift, truth, rollouts")
    .action((name: string, options: Options) => subjectReport("model", modelName(name), options));
  withRemote(
    withReportOutput(model),
    "ferry report model digits",
    "ferry report model digits --window 7d --out digits.html",
  );
  const device = withWindow(report.command("device <device>"), DAY_SECONDS)
    .description("one device: presence, models and their evidence, health, drift, telemetry, rollouts")
    .action((id: string, options: Options) => subjectReport("device", deviceId(id), options));
  withRemote(
    withReportOutput(device),
    "ferry report device cam-17",
    "ferry report device cam-17 --window 7d --out cam-17.html",
  );
  const rollout = report
    .command("rollout <id>")
    .description("one rollout: stages, gates, which devices prove it, which do not and why")
    .action((id: string, options: Options) => subjectReport("rollout", String(rolloutId(id)), options));
  withRemote(withReportOutput(rollout), "ferry report rollout 7", "ferry report rollout 7 --out rollout-7.html");
  const drift = withWindow(report.command("drift [model]"), DAY_SECONDS)
    .description("inputs and outputs that are not as they were when the model was made, with histograms")
    .action((name: string | undefined, options: Options) =>
      subjectReport("drift", name === undefined ? undefined : modelName(name), options),
    );
  withRemote(withReportOutput(drift), "ferry report drift", "ferry report drift digits --out drift.html");
  const experiment = report
    .command("experiment <name>")
    .description("two versions compared; the same as ferry experiment report")
    .action((name: string, options: Options) => subjectReport("experiment", experimentName(name), options));
  withRemote(withReportOutput(experiment), "ferry report experiment digits-1.1.0 --out digits.html");
}

function withWindow(command: Command, seconds: number): Command {
  return command.option("--window <time>", "what it looks back on, such as 6h or 7d", windowSeconds, seconds);
}

/** `-o` is for programs that want the figures; the report itself has formats of its own. */
async function fleetReport(options: Options): Promise<void> {
  const output = formatOf(options);
  if (output === "table" || output === "wide") {
    await subjectReport("fleet", undefined, options);
    return;
  }
  const report = await clientOf(options).fleetReport({ query: { windowSeconds: options.window ?? HOUR_SECONDS } });
  printOne(report, output, () => report.fleet, report.fleet);
}

async function subjectReport(kind: ReportKind, subject: string | undefined, options: Options): Promise<void> {
  const output = formatOf(options);
  const query = { windowSeconds: options.window ?? DAY_SECONDS, ...(subject === undefined ? {} : { subject }) };
  const report = await clientOf(options).reportDocument({ params: { kind }, query });
  if (output === "table" || output === "wide") writeReport(report, options);
  else printOne(report, output, () => report.title, report.title);
}

/** What a report can look back on, in seconds. Throws `usage`. */
export function windowSeconds(text: string): number {
  const seconds = Math.round(durationMs(text) / 1_000);
  if (seconds >= 60 && seconds <= 2_678_400) return seconds;
  throw new FerryError("usage", `${JSON.stringify(text)} is not a window`, {
    hint: "Give a time from 60s to 31d, such as --window 24h; a number alone counts seconds.",
    exitCode: EXIT.usage,
  });
}
