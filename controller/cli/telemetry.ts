import { Option, type Command } from "commander";
import pc from "picocolors";
import { systemClock } from "../../common/clock.ts";
import { EXIT } from "../../common/ferry-error.ts";
import type { RecordKind } from "../../protocol/messages/telemetry-batch.ts";
import type { TelemetryAccount, TelemetryGap, TelemetryProblem, TelemetryRecord } from "../http/telemetry-routes.ts";
import { clientOf, formatOf, stopSignal, withRemote, type RemoteCommandOptions } from "./context.ts";
import { ago, counted, instant, shortDigest } from "./human.ts";
import { deviceId } from "./ids.ts";
import { addTelemetryExport } from "./telemetry-export.ts";
import { print, printListing, say, type Column, type OutputFormat } from "./output.ts";

type Options = RemoteCommandOptions & { readonly device?: string };

/** How long to wait when nothing new has come: well under what a person calls live. */
const FOLLOW_MS = 1_000;

export function addTelemetryCommands(program: Command): void {
  const telemetry = program.command("telemetry").description("what devices measured, and what became of it");
  const tail = telemetry
    .command("tail")
    .description("the last records")
    .option("-f, --follow", "go on with what comes; Ctrl-C ends it")
    .option("--device <id>", "of one device")
    .addOption(new Option("--kind <kind>", "of one kind").choices(KINDS))
    .option(
      "-n, --lines <count>",
      "how many to begin with",
      (text) => Math.min(1_000, Math.max(1, Number(text) || 1)),
      20,
    )
    .action(tailTelemetry);
  withRemote(tail, "ferry telemetry tail -f", "ferry telemetry tail --device cam-0017 --kind event");
  const gaps = telemetry
    .command("gaps")
    .description("what devices declared as lost or as told less finely, and why")
    .option("--device <id>", "of one device")
    .action(showGaps);
  withRemote(gaps, "ferry telemetry gaps");
  addTelemetryExport(telemetry);
  const problems = telemetry
    .command("problems")
    .description("what devices sent and should not have, and what to do about it")
    .option("--device <id>", "of one device")
    .action(showProblems);
  withRemote(problems, "ferry telemetry problems");
  const accounting = telemetry
    .command("accounting")
    .description("what became of every record: produced = received + rolled up + lost + outstanding + missing")
    .option("--device <id>", "of one device")
    .option("--verify", "count every record anew and compare; takes long in a large fleet")
    .action(showAccounting);
  withRemote(accounting, "ferry telemetry accounting", "ferry telemetry accounting --device cam-0017 --verify");
}

const KINDS = ["health", "inference", "distribution", "event", "gap"] as const satisfies readonly RecordKind[];

interface TailOptions extends Options {
  readonly follow?: true;
  readonly kind?: RecordKind;
  readonly lines: number;
}

async function tailTelemetry(options: TailOptions): Promise<void> {
  const client = clientOf(options);
  const format = formatOf(options);
  const filter = { ...ofDevice(options), ...(options.kind === undefined ? {} : { kind: options.kind }) };
  let page = await client.tailTelemetry({ query: { ...filter, limit: options.lines } });
  if (options.follow !== true) {
    const whenEmpty = "No telemetry yet: devices send some within a minute of joining.";
    printListing({ rows: page.records, columns: RECORD_COLUMNS, name: recordName, whenEmpty }, format);
    return;
  }
  const stop = stopSignal();
  while (!stop.aborted) {
    for (const record of page.records) printRecord(record, format);
    // A full page: there is more already.
    if (page.records.length < options.lines) await systemClock.sleep(FOLLOW_MS, stop);
    page = await client.tailTelemetry({ query: { ...filter, cursor: page.cursor, limit: 1_000 } });
  }
  process.exitCode = EXIT.interrupted;
}

/** A stream has no widths to align to: one record a line, or one JSON document a line. */
function printRecord(record: TelemetryRecord, format: OutputFormat): void {
  if (format === "table" || format === "wide") print(RECORD_COLUMNS.map(({ text }) => text(record)).join("  "));
  else if (format === "name") print(recordName(record));
  else print(JSON.stringify(record));
}

const RECORD_COLUMNS: readonly Column<TelemetryRecord>[] = [
  { title: "TIME", text: ({ atMs }) => instant(atMs) },
  { title: "DEVICE", text: ({ device }) => device },
  { title: "KIND", text: ({ kind, backfill }) => (backfill ? `${kind} ${pc.dim("late")}` : kind) },
  { title: "SEQ", text: ({ seq }) => String(seq), align: "right" },
  { title: "FIELDS", text: ({ fields }) => fieldsText(fields) },
];

function recordName({ device, stream, seq }: TelemetryRecord): string {
  return `${device}/${stream}/${seq}`;
}

/** Sketches are for programs: their place says that they are there. */
function fieldsText(fields: TelemetryRecord["fields"]): string {
  return Object.entries(fields)
    .map(([name, value]) => `${name}=${name.endsWith("Sketch") ? "…" : cellText(value)}`)
    .join(" ");
}

function cellText(value: TelemetryRecord["fields"][string] | undefined): string {
  return typeof value === "number" && !Number.isInteger(value) ? value.toPrecision(4) : String(value);
}

async function showGaps(options: Options): Promise<void> {
  const { gaps } = await clientOf(options).telemetryGaps({ query: ofDevice(options) });
  const whenEmpty = "No gap: nothing was declared as lost.";
  printListing({ rows: gaps, columns: GAP_COLUMNS, name: ({ device }) => device, whenEmpty }, formatOf(options));
}

const GAP_COLUMNS: readonly Column<TelemetryGap>[] = [
  { title: "DEVICE", text: ({ device }) => device },
  { title: "CAUSE", text: ({ cause }) => cause },
  { title: "RECORDS", text: ({ count }) => (count === undefined ? "unknown" : String(count)), align: "right" },
  {
    title: "NUMBERS",
    text: ({ firstSeq, lastSeq }) => (firstSeq === undefined ? "–" : `${firstSeq}–${lastSeq ?? firstSeq}`),
  },
  { title: "DECLARED", text: ({ receivedMs }) => `${ago(receivedMs)} ago` },
  {
    title: "MEASUREMENTS",
    text: ({ count, measurements = count }) => (measurements === undefined ? "unknown" : String(measurements)),
    align: "right",
    wide: true,
  },
  { title: "FROM", text: ({ fromMs }) => (fromMs === undefined ? "–" : instant(fromMs)), wide: true },
  { title: "TO", text: ({ toMs }) => (toMs === undefined ? "–" : instant(toMs)), wide: true },
  { title: "STREAM", text: ({ stream }) => stream ?? "–", wide: true },
];

async function showProblems(options: Options): Promise<void> {
  const { problems } = await clientOf(options).telemetryProblems({ query: ofDevice(options) });
  const format = formatOf(options);
  const whenEmpty = "No problem: everything that came was as it should be.";
  printListing({ rows: problems, columns: PROBLEM_COLUMNS, name: ({ device }) => device, whenEmpty }, format);
  if (format !== "table") return;
  const steps = new Map(problems.toReversed().map(({ problem, next }) => [problem, next]));
  for (const [problem, next] of steps) say(`${problem}: ${next}`);
}

const PROBLEM_COLUMNS: readonly Column<TelemetryProblem>[] = [
  { title: "DEVICE", text: ({ device }) => device },
  { title: "PROBLEM", text: ({ problem }) => problem },
  { title: "COUNT", text: ({ count }) => String(count), align: "right" },
  { title: "FIRST", text: ({ firstMs }) => `${ago(firstMs)} ago` },
  { title: "LAST", text: ({ lastMs }) => `${ago(lastMs)} ago` },
  { title: "EXAMPLE", text: ({ example }) => example },
  { title: "NEXT", text: ({ next }) => next, wide: true },
];

interface AccountingOptions extends Options {
  readonly verify?: true;
}

async function showAccounting(options: AccountingOptions): Promise<void> {
  const verify = options.verify === true;
  const { accounts } = await clientOf(options).telemetryAccounting({ query: { ...ofDevice(options), verify } });
  const whenEmpty = "No telemetry yet: devices send some within a minute of joining.";
  const columns = verify ? [...ACCOUNT_COLUMNS, RECOUNTED] : ACCOUNT_COLUMNS;
  printListing({ rows: accounts, columns, name: ({ device }) => device, whenEmpty }, formatOf(options));
  const wrong = accounts.filter(isMiscounted);
  if (wrong.length === 0) return;
  say(`error: ${counted(wrong.length, "stream")} of ${counted(accounts.length, "stream")} counted otherwise than kept`);
  say("  This is a defect, or the database was changed by hand: keep a copy of controller.db, and report it.");
  process.exitCode = EXIT.failed;
}

/** Records that came while they were being counted are in the count alone. */
function isMiscounted({ received, recounted }: TelemetryAccount): boolean {
  return recounted !== undefined && recounted !== received;
}

const RECOUNTED: Column<TelemetryAccount> = {
  title: "RECOUNTED",
  text: (account) => (isMiscounted(account) ? pc.red(String(account.recounted)) : String(account.recounted ?? "–")),
  align: "right",
};

const ACCOUNT_COLUMNS: readonly Column<TelemetryAccount>[] = [
  { title: "DEVICE", text: ({ device }) => device },
  { title: "STREAM", text: ({ stream }) => shortDigest(stream) },
  { title: "PRODUCED", text: ({ produced }) => String(produced), align: "right" },
  { title: "RECEIVED", text: ({ received }) => String(received), align: "right" },
  { title: "ROLLED UP", text: ({ rolledUp }) => String(rolledUp), align: "right" },
  { title: "LOST", text: ({ declared, rolledUp }) => String(declared - rolledUp), align: "right" },
  { title: "OUTSTANDING", text: ({ outstanding }) => String(outstanding), align: "right" },
  { title: "MISSING", text: ({ missing }) => (missing === 0 ? "0" : pc.red(String(missing))), align: "right" },
  { title: "LAST", text: ({ lastMs }) => (lastMs === 0 ? "never" : `${ago(lastMs)} ago`) },
];

function ofDevice({ device }: Options) {
  return device === undefined ? {} : { device: deviceId(device) };
}
