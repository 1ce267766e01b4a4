import type { Command } from "commander";
import { createInterface } from "node:readline/promises";
import pc from "picocolors";
import { EXIT, FerryError } from "../../common/ferry-error.ts";
import type { Plan, Rollout, RolloutDetail } from "../http/rollout-routes.ts";
import type { RolloutRequest } from "../rollout/rollout-spec.ts";
import {
  clientOf,
  formatOf,
  withController,
  withExamples,
  withOutput,
  type OutputOptions,
  type RemoteOptions,
} from "./context.ts";
import { ago, bytes, counted } from "./human.ts";
import { durationMs } from "./duration.ts";
import { deviceId, modelLabel } from "./ids.ts";
import { printListing, printOne, say, table, type Column } from "./output.ts";
import { countsText, describeRollout, stateMark } from "./rollout-text.ts";
import { watchRollout } from "./watch-rollout.ts";

type Options = RemoteOptions & OutputOptions;

export function addRolloutCommands(program: Command): void {
  const rollout = program.command("rollout").description("bring a model version to devices, and follow it");
  const create = rollout
    .command("create <name@version>")
    .description("roll a bundle of the catalogue out to the devices that match")
    .option("-l, --selector <selector>", "to the devices with these labels")
    .option("--all", "to every device")
    .option("--device <id...>", "to these devices")
    .option("--dry-run", "show the plan, and do nothing")
    .option("--yes", "do not ask")
    .option("--allow-interface-change", "also where callers of the present version would break")
    .option("-w, --watch", "follow it until it is finished")
    .option("--timeout <time>", "how long to follow it, such as 90s or 10m", durationMs)
    .action(createRollout);
  withExamples(
    withOutput(withController(create)),
    "ferry rollout create digits@1.1.0 -l site=oslo --dry-run",
    "ferry rollout create digits@1.1.0 --all --yes -w",
  );
  const status = rollout
    .command("status <id>")
    .description("one rollout, and why each device is where it is")
    .option("-w, --watch", "follow it until it is finished; Ctrl-C ends only the watching")
    .option("--timeout <time>", "how long to follow it, such as 90s or 10m", durationMs)
    .action(showRollout);
  withExamples(withOutput(withController(status)), "ferry rollout status 7", "ferry rollout status 7 -w --timeout 10m");
  const list = rollout.command("list").description("the newest rollouts").action(listRollouts);
  withExamples(withOutput(withController(list)), "ferry rollout list -o wide");
}

interface CreateOptions extends Options {
  readonly selector?: string;
  readonly all?: true;
  readonly device?: readonly string[];
  readonly dryRun?: true;
  readonly yes?: true;
  readonly allowInterfaceChange?: true;
  readonly watch?: true;
  readonly timeout?: number;
}

async function createRollout(label: string, options: CreateOptions): Promise<void> {
  const client = clientOf(options);
  const format = formatOf(options);
  const request = requestFrom(label, options);
  const plan = await client.planRollout({ body: request });
  if (options.dryRun === true) {
    printOne(plan, format, () => describePlan(plan), `${plan.model}@${plan.version}`);
    return;
  }
  say(describePlan(plan));
  await confirm(plan, options.yes === true);
  const { rollout } = await client.createRollout({ body: request });
  if (options.watch === true) {
    say(`rollout ${rollout.id} has begun`);
    process.exitCode = await watchRollout(client, rollout.id, { format, timeoutMs: options.timeout });
    return;
  }
  printOne(rollout, format, () => `${pc.green("✔")} rollout ${rollout.id} has begun: ${label}`, String(rollout.id));
  say(`next: ferry rollout status ${rollout.id} -w`);
}

function requestFrom(label: string, options: CreateOptions): RolloutRequest {
  const { selector, all, device } = options;
  const ways = [selector, all, device].filter((way) => way !== undefined).length;
  if (ways !== 1) {
    throw new FerryError("usage", ways === 0 ? "To which devices?" : "More than one way to choose devices was given", {
      hint: "Give exactly one of -l SELECTOR, --all, --device ID…",
      exitCode: EXIT.usage,
    });
  }
  return {
    ...modelLabel(label),
    ...(device === undefined ? { selector: selector ?? "" } : { devices: device.map(deviceId) }),
    ...(options.allowInterfaceChange === true ? { allowInterfaceChange: true } : {}),
  };
}

/** A terminal is asked; a script must have said `--yes`. */
async function confirm(plan: Plan, yes: boolean): Promise<void> {
  const count = plan.devices.filter(({ action }) => action !== "cannot").length;
  // Where nothing can be done, the controller says why; there is nothing to agree to.
  if (yes || count === 0) return;
  if (!process.stdin.isTTY || !process.stderr.isTTY) {
    throw new FerryError(
      "not-confirmed",
      `This would change ${counted(count, "device")}, and nobody can be asked here`,
      {
        hint: "Add --yes to do it, or --dry-run to only see the plan.",
        exitCode: EXIT.usage,
      },
    );
  }
  const prompt = createInterface({ input: process.stdin, output: process.stderr });
  const answer = await prompt.question(`Roll ${plan.model}@${plan.version} out to ${counted(count, "device")}? [y/N] `);
  prompt.close();
  if (!/^y(es)?$/i.test(answer.trim())) {
    throw new FerryError("not-confirmed", "Nothing was changed", { exitCode: EXIT.interrupted });
  }
}

function describePlan(plan: Plan): string {
  const able = plan.devices.filter(({ action }) => action !== "cannot");
  const offline = able.filter(({ online }) => !online).length;
  const lines = [
    `${pc.bold(`${plan.model}@${plan.version}`)}  ${bytes(plan.archiveBytes)}  to ${able.length} of ${counted(plan.devices.length, "device")} that match` +
      (offline === 0 ? "" : `, ${offline} of them offline now`),
  ];
  for (const { from, lines: difference } of plan.interfaceChanges) {
    lines.push(`  inputs and outputs differ from ${plan.model}@${from}:`, ...difference.map(coloured));
  }
  const columns: readonly Column<Plan["devices"][number]>[] = [
    { title: "DEVICE", text: ({ device }) => device },
    { title: "NOW", text: ({ from }) => from ?? "–" },
    { title: "WILL", text: ({ action }) => (action === "cannot" ? pc.red("be left out") : PLANNED[action]) },
    {
      title: "WHY",
      text: ({ online, obstacles }) =>
        obstacles.map(({ text }) => text).join("; ") || (online ? "" : "when it is back online"),
    },
  ];
  return [...lines, table({ rows: plan.devices.slice(0, DEVICES_SHOWN_MAX), columns }, false)].join("\n");
}

const PLANNED = { install: "install", replace: "replace", same: "confirm" } as const;

/** Of a plan on a terminal; `-o json` has all. */
const DEVICES_SHOWN_MAX = 50;

function coloured(line: string): string {
  if (line.startsWith("-")) return `    ${pc.red(line)}`;
  return line.startsWith("+") ? `    ${pc.green(line)}` : `    ${line}`;
}

interface StatusOptions extends Options {
  readonly watch?: true;
  readonly timeout?: number;
}

async function showRollout(id: string, options: StatusOptions): Promise<void> {
  const client = clientOf(options);
  const format = formatOf(options);
  const number = rolloutId(id);
  if (options.watch === true) {
    process.exitCode = await watchRollout(client, number, { format, timeoutMs: options.timeout });
    return;
  }
  const detail: RolloutDetail = await client.getRollout({ params: { id: number } });
  printOne(detail, format, () => describeRollout(detail), id);
}

async function listRollouts(options: Options): Promise<void> {
  const { rollouts } = await clientOf(options).listRollouts({ query: { limit: 100 } });
  const whenEmpty = "No rollout yet. Begin one with: ferry rollout create NAME@VERSION --all";
  printListing({ rows: rollouts, columns: COLUMNS, name: ({ id }) => String(id), whenEmpty }, formatOf(options));
}

const COLUMNS: readonly Column<Rollout>[] = [
  { title: "ID", text: ({ id }) => String(id), align: "right" },
  { title: "BUNDLE", text: ({ model, version }) => `${model}@${version}` },
  { title: "STATE", text: ({ state }) => stateMark(state), csv: ({ state }) => state },
  { title: "DEVICES", text: ({ counts }) => countsText(counts) },
  { title: "AGE", text: ({ createdMs }) => ago(createdMs), align: "right" },
  { title: "SELECTOR", text: ({ selector }) => selector, wide: true },
  { title: "STATEMENT", text: ({ statement }) => statement, wide: true },
];

function rolloutId(text: string): number {
  if (/^[1-9][0-9]{0,8}$/.test(text)) return Number(text);
  throw new FerryError("usage", `${JSON.stringify(text)} is not the number of a rollout`, {
    hint: "See them with: ferry rollout list",
    exitCode: EXIT.usage,
  });
}
