/** `ferry drift devices`: which devices see something else than the others of their hardware class. */
import { Option, type Command } from "commander";
import pc from "picocolors";
import type { ClassVerdict } from "../drift/class-shape.ts";
import { numberText } from "../drift/judge-feature.ts";
import { clientOf, formatOf, withRemote, type RemoteCommandOptions } from "./context.ts";
import { durationMs } from "./duration.ts";
import { duration } from "./human.ts";
import { modelLabel, modelName } from "./ids.ts";
import { printListing, say, type Column } from "./output.ts";

interface Options extends RemoteCommandOptions {
  readonly window: number;
  readonly all?: true;
}

const DAY_MS = 86_400_000;

export function addDriftDevices(drift: Command): void {
  const command = drift
    .command("devices [model]")
    .description("which devices differ from the others of their hardware class")
    .addOption(new Option("--window <time>", "look back this far").argParser(durationMs).default(DAY_MS, "24h"))
    .option("--all", "devices that are as the others, too")
    .action(showDevices);
  withRemote(command, "ferry drift devices", "ferry drift devices digits@1.1.0 --window 2h -o json");
}

async function showDevices(label: string | undefined, options: Options): Promise<void> {
  const format = formatOf(options);
  const { window, all } = options;
  const subject = label === undefined ? {} : label.includes("@") ? modelLabel(label) : { model: modelName(label) };
  const windowSeconds = Math.max(60, Math.round(window / 1_000));
  const { verdicts } = await clientOf(options).driftDevices({ query: { ...subject, windowSeconds } });
  const isForPeople = format === "table" || format === "wide";
  const differing = verdicts.filter(({ differs }) => differs);
  const shown = isForPeople && all !== true ? differing : verdicts;
  const whenEmpty = `Nothing to compare in the last ${duration(window)}: it takes three devices of one hardware class with 50 examples each.`;
  if (!isForPeople || shown.length > 0)
    printListing({ rows: shown, columns: COLUMNS, name: nameOf, whenEmpty }, format);
  if (!isForPeople) return;
  if (verdicts.length === 0) {
    say(whenEmpty);
    return;
  }
  say("");
  for (const { sentence } of differing.slice(0, SENTENCES_MAX)) say(`${pc.yellow("differs:")} ${sentence}`);
  if (differing.length > SENTENCES_MAX) say(`… and ${differing.length - SENTENCES_MAX} more.`);
  if (differing.length === 0) say(`${pc.green("✔")} ${verdicts.length} compared; none differs from its class.`);
}

const SENTENCES_MAX = 3;

function nameOf({ slot, version, device }: ClassVerdict): string {
  return `${slot}@${version}/${device}`;
}

const COLUMNS: readonly Column<ClassVerdict>[] = [
  { title: "DEVICE", text: ({ device }) => device },
  { title: "HARDWARE", text: ({ hardware }) => hardware },
  { title: "MODEL", text: ({ slot, version }) => `${slot}@${version}` },
  { title: "STATE", text: ({ differs }) => (differs ? pc.yellow("differs") : pc.green("as its class")) },
  { title: "FEATURES", text: ({ unlike, compared }) => `${unlike} of ${compared}`, align: "right" },
  { title: "MOST", text: ({ features: [first] }) => first?.feature ?? "–" },
  {
    title: "PSI",
    text: ({ features: [first] }) => (first === undefined ? "–" : numberText(first.psi)),
    align: "right",
  },
];
