/** The options that say what the link may take, as `join` writes them into `agent.json` and `run` takes them for once. */
import { InvalidArgumentError, Option, type Command } from "commander";
import { DATA_MONTH_BYTES_MIN, type AgentConfig } from "../config.ts";

export interface DataOptions {
  readonly metered?: true;
  /** Bytes. */
  readonly dataBudget?: number;
}

export function withDataOptions(command: Command): Command {
  return command
    .option(
      "--metered",
      "the link is paid for by its bytes: measurements by the hour, heartbeat every two, 3 MB a month when idle",
    )
    .addOption(
      new Option("--data-budget <size>", "what the link may take in a month, both ways, such as 50MB").argParser(
        dataSize,
      ),
    );
}

/** Undefined where nothing was said. */
export function dataConfig({ metered, dataBudget }: DataOptions): AgentConfig["data"] {
  if (metered === undefined && dataBudget === undefined) return undefined;
  return {
    ...(metered === undefined ? {} : { metered }),
    ...(dataBudget === undefined ? {} : { monthBytes: dataBudget }),
  };
}

/** Decimal units, as mobile operators bill. */
const UNIT_BYTES: Readonly<Record<string, number>> = { "": 1, B: 1, KB: 1e3, MB: 1e6, GB: 1e9 };

export function dataSize(text: string): number {
  const [, number = "", unit = ""] = /^(\d+(?:\.\d+)?)\s*([kmg]?b?)$/i.exec(text.trim()) ?? [];
  const bytes = Math.round(Number(number) * (UNIT_BYTES[unit.toUpperCase()] ?? NaN));
  if (number === "" || !Number.isSafeInteger(bytes)) {
    throw new InvalidArgumentError("A size is a number with B, kB, MB or GB, such as 50MB.");
  }
  if (bytes < DATA_MONTH_BYTES_MIN) {
    throw new InvalidArgumentError("At least 3MB: an idle device needs as much in a month at its most sparing.");
  }
  return bytes;
}
