import { readFile } from "node:fs/promises";
import type { Command } from "commander";
import { Type } from "typebox";
import { EXIT, FerryError, messageOf } from "../../common/ferry-error.ts";
import type { ModelName } from "../../protocol/ids.ts";
import { gate } from "../../protocol/schema.ts";
import { openFleetModel, type FleetModel } from "../bench/fleet-model.ts";
import { openHttpModel } from "../bench/http-model.ts";
import { kneeSentence } from "../bench/knee.ts";
import { measureLoad, type Load, type Measurement } from "../bench/load.ts";
import { clientOf, formatOf, stopSignal, withRemote, type RemoteCommandOptions } from "./context.ts";
import { durationMs } from "./duration.ts";
import { bytes, milliseconds } from "./human.ts";
import { deviceId, modelName } from "./ids.ts";
import { printListing, say, type Column } from "./output.ts";

interface Options extends RemoteCommandOptions {
  readonly callers?: readonly Load[];
  readonly rate?: readonly Load[];
  readonly duration: number;
  readonly warmUp: number;
  readonly input?: string;
  readonly batch: number;
  readonly json?: true;
}

const WARM_UP_MS = 500;

/** Callers of a first look, from alone to more than a small board has cores. */
const CALLERS_DEFAULT = "1,4,16";
const CALLERS_MAX = 1_024;
const PER_SECOND_MAX = 100_000;
const BATCH_MAX = 4_096;

export function addBenchCommand(program: Command): void {
  const command = program
    .command("bench <where> <model>")
    .description(
      "how fast a device answers, one load after the other: on its HTTP port, or by its id over MQTT through the controller",
    )
    .option(
      "--callers <counts>",
      `callers that ask again as soon as they are answered (default: ${CALLERS_DEFAULT})`,
      callers,
    )
    .option("--rate <counts>", "requests a second, due whether the ones before are answered or not", rates)
    .option("--duration <time>", "how long each load lasts", durationMs, 10_000)
    .option("--warm-up <time>", "how long it is asked before anything is measured", durationMs, WARM_UP_MS)
    .option(
      "--input <file>",
      'JSON such as {"inputs": {"x": [[0.5, 1]]}}; without it random values of the model\'s shapes',
    )
    .option("--batch <count>", "dimensions that may vary are this large, where no input is given", batch, 1)
    .option("--json", "send JSON instead of binary tensors")
    .action(bench);
  withRemote(
    command,
    "ferry bench http://127.0.0.1:8000 digits",
    "ferry bench cam-0017 digits --callers 1,8",
    "ferry bench http://cam-0017.local:8000 digits --rate 50,100,200 --duration 30s -o csv",
  );
}

async function bench(where: string, model: string, options: Options): Promise<void> {
  const format = formatOf(options);
  const { duration, warmUp } = options;
  using target = await openTarget(where, modelName(model), options);
  const stop = stopSignal();
  const loads = [
    ...(options.callers ?? (options.rate === undefined ? callers(CALLERS_DEFAULT) : [])),
    ...(options.rate ?? []),
  ];
  // The first requests open connections and warm caches: they are no measurement.
  await measureLoad(target.ask, { kind: "callers", callers: 1 }, { durationMs: warmUp }, stop);
  const rows: Measurement[] = [];
  for (const load of loads) {
    if (stop.aborted) break;
    say(`${loadText(load)} for ${duration / 1_000} s, ${bytes(target.requestBytes)} each`);
    rows.push(await measureLoad(target.ask, load, { durationMs: duration }, stop));
  }
  printListing(
    { rows, columns: COLUMNS, name: ({ load }) => loadText(load), whenEmpty: "Stopped before the first load" },
    format,
  );
  const knee = kneeSentence(rows);
  if (knee !== undefined) say(`\n${knee}`);
  if (stop.aborted) process.exitCode = EXIT.interrupted;
  else if (rows.some(({ requests, failed }) => requests === failed)) process.exitCode = EXIT.failed;
}

/** Without a scheme and dots it is a device of the fleet. */
async function openTarget(where: string, model: ModelName, options: Options): Promise<Disposable & FleetModel> {
  const { input, batch, json } = options;
  const common = { batch, ...(input === undefined ? {} : { inputs: await readInputs(input) }) };
  if (where.includes("/") || where.includes(".") || where.includes(":")) {
    return openHttpModel({ url: deviceUrl(where), model, json: json === true, ...common });
  }
  const target = await openFleetModel({ client: clientOf(options), device: deviceId(where), model, ...common });
  return { ...target, [Symbol.dispose]: () => undefined };
}

/** Of one load, without what the load was. */
export const FIGURE_COLUMNS: readonly Column<Measurement>[] = [
  { title: "REQUESTS", text: ({ requests }) => String(requests), align: "right" },
  { title: "FAILED", text: ({ failed }) => String(failed), align: "right" },
  { title: "PER_SECOND", text: ({ perSecond }) => perSecond.toFixed(1), align: "right" },
  { title: "P50", text: ({ p50Ms }) => time(p50Ms), csv: ({ p50Ms }) => String(p50Ms ?? ""), align: "right" },
  { title: "P90", text: ({ p90Ms }) => time(p90Ms), csv: ({ p90Ms }) => String(p90Ms ?? ""), align: "right" },
  { title: "P95", text: ({ p95Ms }) => time(p95Ms), csv: ({ p95Ms }) => String(p95Ms ?? ""), align: "right" },
  { title: "P99", text: ({ p99Ms }) => time(p99Ms), csv: ({ p99Ms }) => String(p99Ms ?? ""), align: "right" },
  { title: "P99.9", text: ({ p999Ms }) => time(p999Ms), csv: ({ p999Ms }) => String(p999Ms ?? ""), align: "right" },
  { title: "MAX", text: ({ maxMs }) => time(maxMs), csv: ({ maxMs }) => String(maxMs), align: "right" },
  {
    title: "FAILURES",
    text: ({ failures }) =>
      Object.entries(failures)
        .map(([status, count]) => `${count}× ${status}`)
        .join(", "),
  },
];

const COLUMNS: readonly Column<Measurement>[] = [
  { title: "LOAD", text: ({ load }) => loadText(load) },
  ...FIGURE_COLUMNS,
];

function time(ms: number | undefined): string {
  return ms === undefined ? "–" : milliseconds(ms);
}

function loadText(load: Load): string {
  if (load.kind === "rate") return `${load.perSecond}/s`;
  return load.callers === 1 ? "1 caller" : `${load.callers} callers`;
}

function callers(text: string): readonly Load[] {
  return counts("--callers", text, CALLERS_MAX).map((count) => ({ kind: "callers", callers: count }));
}

function rates(text: string): readonly Load[] {
  return counts("--rate", text, PER_SECOND_MAX).map((count) => ({ kind: "rate", perSecond: count }));
}

function batch(text: string): number {
  return counts("--batch", text, BATCH_MAX)[0] ?? 1;
}

/** Whole numbers that a person listed. Throws a usage error. */
export function counts(option: string, text: string, most: number): readonly number[] {
  const numbers = text.split(",").map(Number);
  if (numbers.every((number) => Number.isInteger(number) && number >= 1 && number <= most)) return numbers;
  throw new FerryError("usage", `${option} is ${JSON.stringify(text)}`, {
    hint: `Give whole numbers from 1 to ${most}, such as 1,4,16.`,
    exitCode: EXIT.usage,
  });
}

function deviceUrl(text: string): URL {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url?.protocol === "http:") return url;
  throw new FerryError("usage", `${JSON.stringify(text)} is not the address of a device's HTTP port`, {
    hint: "Write it like http://127.0.0.1:8000.",
    exitCode: EXIT.usage,
  });
}

const checkInput = gate("input file", Type.Object({ inputs: Type.Record(Type.String(), Type.Unknown()) }));

async function readInputs(file: string): Promise<Readonly<Record<string, unknown>>> {
  try {
    return checkInput(JSON.parse(await readFile(file, "utf8"))).inputs;
  } catch (cause) {
    throw new FerryError("bad-input", `Cannot use ${file} as inputs: ${messageOf(cause)}`, {
      hint: 'It must be JSON such as {"inputs": {"x": [[0.5, 1]]}}.',
      exitCode: EXIT.usage,
      cause,
    });
  }
}
