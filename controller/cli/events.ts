import type { Command } from "commander";
import { systemClock } from "../../common/clock.ts";
import { EXIT, FerryError } from "../../common/ferry-error.ts";
import type { Event } from "../http/fleet-routes.ts";
import {
  clientOf,
  formatOf,
  stopSignal,
  withController,
  withExamples,
  withOutput,
  type OutputOptions,
  type RemoteOptions,
} from "./context.ts";
import { addVerifyCommand, AUDIT_COLUMNS } from "./events-audit.ts";
import { instant } from "./human.ts";
import { print, printListing, type Column } from "./output.ts";

interface Options extends RemoteOptions, OutputOptions {
  readonly audit?: true;
  readonly follow?: true;
}

/** How long to wait when nothing has happened. */
const FOLLOW_MS = 1_000;

export function addEventsCommand(program: Command): void {
  const command = program
    .command("events")
    .description("what happened in the fleet")
    .option("-f, --follow", "go on with what happens; Ctrl-C ends it")
    .option("--audit", "instead: who did what, the newest 1000 entries")
    .enablePositionalOptions()
    .action(events);
  withExamples(withOutput(withController(command)), "ferry events", "ferry events -f", "ferry events --audit -o json");
  addVerifyCommand(command);
}

async function events(options: Options): Promise<void> {
  if (options.audit === true) return audit(options);
  const client = clientOf(options);
  const format = formatOf(options);
  let { events: page } = await client.listEvents({ query: { limit: 100 } });
  if (options.follow !== true) {
    const whenEmpty = "Nothing has happened yet.";
    printListing({ rows: page, columns: COLUMNS, name: ({ id }) => String(id), whenEmpty }, format);
    return;
  }
  const stop = stopSignal();
  let after = 0;
  while (!stop.aborted) {
    for (const event of page) {
      print(
        format === "table" || format === "wide"
          ? COLUMNS.map(({ text }) => text(event)).join("  ")
          : JSON.stringify(event),
      );
      after = event.id;
    }
    await systemClock.sleep(FOLLOW_MS, stop);
    ({ events: page } = await client.listEvents({ query: { after, limit: 1_000 } }));
  }
  process.exitCode = EXIT.interrupted;
}

async function audit(options: Options): Promise<void> {
  if (options.follow === true) {
    throw new FerryError("usage", "--audit and --follow do not go together", {
      hint: "Ask again for what is new: `ferry events --audit`.",
      exitCode: EXIT.usage,
    });
  }
  const { entries } = await clientOf(options).listAudit({ query: { limit: 1_000 } });
  const whenEmpty = "Nobody has done anything yet.";
  printListing({ rows: entries, columns: AUDIT_COLUMNS, name: ({ hash }) => hash, whenEmpty }, formatOf(options));
}

const COLUMNS: readonly Column<Event>[] = [
  { title: "TIME", text: ({ atMs }) => instant(atMs) },
  { title: "KIND", text: ({ kind }) => kind },
  { title: "WHAT", text: ({ text }) => text },
];
