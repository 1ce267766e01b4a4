import { Option, InvalidArgumentError, type Command } from "commander";
import type { ExitCode } from "../../common/ferry-error.ts";
import { FAULTS } from "../simulate/conduct.ts";
import type { SimulateOptions } from "./simulate.ts";

export interface SimulateListener {
  /** Progress, for a person. */
  readonly say: (text: string) => void;
  readonly onExit: (code: ExitCode) => void;
}

/** A device has three database files and a socket: more of them in one process meet the limits of the system. */
const SIMULATED_MAX = 2_000;

export function addSimulateCommand(program: Command, { say, onExit }: SimulateListener): void {
  program
    .command("simulate")
    .description("many devices in this process, with simulated models: for load tests, and for playing with rollouts")
    .option("--count <n>", "how many devices", countNumber, 100)
    .option("--dir <folder>", "below which each device has its folder", "simulated-devices")
    .option("--root-pin <hex>", "SHA-256 of the fleet's first root, as `ferry init` printed it; to join")
    .option("--broker <url>", "mqtt://127.0.0.1:PORT, after `ferry up --insecure-loopback`; to join")
    .option("--fleet <id>", "the fleet's name; to join with --broker")
    .addOption(new Option("--tokens <file>", "join tokens, one a line; to join").conflicts(["broker", "fleet"]))
    .option("--prefix <text>", "what their names begin with, where there are no tokens", "sim")
    .option("--label <key=value>", "a label of each device; may be repeated", collect, [])
    .option("--seed <n>", "decides which devices are where, and which of them fail", wholeNumber, 1)
    .option("--fail-rate <share>", "of the devices, on which a version fails its self-test: 0 to 1", share, 0)
    .option("--latency <ms>", "median time of an answer", milliseconds, 8)
    .option("--offline-share <share>", "of the time that each device is away: 0 to 0.9", offlineShare, 0)
    .option("--bad <model@version=fault>", `a version with a fault: ${FAULTS.join(", ")}; may be repeated`, collect, [])
    .option("--no-transfer", "each archive travels once, to one of the devices; the others take its copy")
    .addHelpText(
      "after",
      "\nExample:\n  $ ferry up --insecure-loopback\n" +
        "  $ ferry-agent simulate --count 200 --broker mqtt://127.0.0.1:8883 --fleet demo --root-pin 3f9c…e1",
    )
    .action(async (options: SimulateOptions) => {
      const { simulate } = await import("./simulate.ts");
      onExit(await simulate(options, say));
    });
}

function collect(value: string, previous: readonly string[]): readonly string[] {
  return [...previous, value];
}

function countNumber(text: string): number {
  const count = wholeNumber(text);
  if (count < 1 || count > SIMULATED_MAX) throw new InvalidArgumentError(`From 1 to ${SIMULATED_MAX} devices.`);
  return count;
}

function wholeNumber(text: string): number {
  if (!/^\d{1,15}$/.test(text)) throw new InvalidArgumentError("A whole number is wanted.");
  return Number(text);
}

function milliseconds(text: string): number {
  const ms = Number(text);
  if (!(ms > 0 && ms <= 60_000)) throw new InvalidArgumentError("Milliseconds above 0, up to 60000.");
  return ms;
}

function share(text: string): number {
  const value = Number(text);
  if (text === "" || !(value >= 0 && value <= 1)) throw new InvalidArgumentError("A share from 0 to 1, such as 0.05.");
  return value;
}

function offlineShare(text: string): number {
  const value = share(text);
  if (value > 0.9) throw new InvalidArgumentError("At most 0.9: a device that is never there is none.");
  return value;
}
