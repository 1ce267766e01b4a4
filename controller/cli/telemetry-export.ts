import { createWriteStream } from "node:fs";
import { pipeline } from "node:stream/promises";
import { Option, type Command } from "commander";
import { EXIT, FerryError } from "../../common/ferry-error.ts";
import { clientOf, withController, withExamples, type RemoteOptions } from "./context.ts";
import { durationMs } from "./duration.ts";
import { deviceId } from "./ids.ts";
import { say } from "./output.ts";

interface ExportOptions extends RemoteOptions {
  readonly format: "csv" | "jsonl";
  readonly device?: string;
  readonly kind?: string;
  readonly slot?: string;
  readonly from?: number;
  readonly to?: number;
  readonly out?: string;
}

export function addTelemetryExport(telemetry: Command): void {
  const command = telemetry
    .command("export")
    .description("records and what they were added up to, as a stream")
    .addOption(new Option("--format <format>", "how").choices(["jsonl", "csv"]).default("jsonl"))
    .option("--device <id>", "of one device")
    .option("--kind <kind>", "of one kind: health, inference, event, gap, …")
    .option("--slot <model>", "about one model")
    .option("--from <time>", "made at or after this: 2026-11-21T12:00:00Z, or 24h ago as 24h", instantMs)
    .option("--to <time>", "made before this", instantMs)
    .option("--out <file>", "into a file (default: standard output)")
    .action(exportTelemetry);
  withController(command);
  withExamples(
    command,
    "ferry telemetry export --from 24h > telemetry.jsonl",
    "ferry telemetry export --format csv --kind health --device cam-0017 --out health.csv",
  );
}

async function exportTelemetry(options: ExportOptions): Promise<void> {
  const { format, device, kind, slot, from, to, out } = options;
  const stream = await clientOf(options).exportTelemetry({
    query: {
      format,
      ...(device === undefined ? {} : { device: deviceId(device) }),
      ...(kind === undefined ? {} : { kind }),
      ...(slot === undefined ? {} : { slot }),
      ...(from === undefined ? {} : { fromMs: from }),
      ...(to === undefined ? {} : { toMs: to }),
    },
  });
  if (out === undefined) {
    await pipeline(stream, process.stdout, { end: false });
    return;
  }
  await pipeline(stream, createWriteStream(out));
  say(`${out} is written`);
}

/** An instant as ISO 8601 writes it, or how long ago. Throws a usage error. */
function instantMs(text: string): number {
  if (/^[0-9.]+(ms|s|m|h|d)$/.test(text)) return Date.now() - durationMs(text);
  const ms = Date.parse(text);
  if (!Number.isNaN(ms)) return ms;
  throw new FerryError("usage", `${JSON.stringify(text)} is not a time`, {
    hint: "Write 2026-11-21T12:00:00Z, or how long ago: 30m, 24h, 7d.",
    exitCode: EXIT.usage,
  });
}
