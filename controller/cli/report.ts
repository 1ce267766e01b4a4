import type { Command } from "commander";
import { EXIT, FerryError } from "../../common/ferry-error.ts";
import { clientOf, formatOf, withRemote, type RemoteCommandOptions } from "./context.ts";
import { durationMs } from "./duration.ts";
import { printOne } from "./output.ts";
import { withReportOutput, writeReport, type ReportOutputOptions } from "./report-output.ts";

interface Options extends RemoteCommandOptions, ReportOutputOptions {
  readonly window: number;
}

export function addReportCommands(program: Command): void {
  const report = program.command("report").description("reports for people and programs");
  const fleet = report
    .command("fleet")
    .description("the fleet's health, and what to do next")
    .option("--window <time>", "what it looks back on, such as 6h or 7d", windowSeconds, 3_600)
    .action(fleetReport);
  withRemote(
    withReportOutput(fleet),
    "ferry report fleet",
    "ferry report fleet --window 7d --out fleet.html",
    "ferry report fleet --window 24h --out tables/",
    "ferry report fleet -o json",
  );
}

/** `-o` is for programs that want the figures; the report itself has formats of its own. */
async function fleetReport(options: Options): Promise<void> {
  const client = clientOf(options);
  const query = { windowSeconds: options.window };
  const output = formatOf(options);
  if (output === "table" || output === "wide") {
    writeReport(await client.reportDocument({ params: { kind: "fleet" }, query }), options);
    return;
  }
  const report = await client.fleetReport({ query });
  printOne(report, output, () => report.fleet, report.fleet);
}

function windowSeconds(text: string): number {
  const seconds = Math.round(durationMs(text) / 1_000);
  if (seconds >= 60 && seconds <= 2_678_400) return seconds;
  throw new FerryError("usage", `${JSON.stringify(text)} is not a window`, {
    hint: "Give a time from 60s to 31d, such as --window 24h; a number alone counts seconds.",
    exitCode: EXIT.usage,
  });
}
