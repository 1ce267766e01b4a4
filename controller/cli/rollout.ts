import type { Command } from "commander";
import type { Rollout, RolloutDetail } from "../http/rollout-routes.ts";
import {
  clientOf,
  formatOf,
  withController,
  withExamples,
  withOutput,
  type OutputOptions,
  type RemoteOptions,
} from "./context.ts";
import { ago } from "./human.ts";
import { durationMs } from "./duration.ts";
import { rolloutId } from "./ids.ts";
import { printListing, printOne, type Column } from "./output.ts";
import { addRolloutCreate, addRolloutPlan } from "./rollout-create.ts";
import { countsText, describeRollout, devicesShown } from "./rollout-text.ts";
import { addRolloutVerbs } from "./rollout-verbs.ts";
import { stateMark } from "./state-mark.ts";
import { watchRollout } from "./watch-rollout.ts";

type Options = RemoteOptions & OutputOptions;

export function addRolloutCommands(program: Command): void {
  const rollout = program.command("rollout").description("bring a model version to devices, and follow it");
  addRolloutCreate(rollout);
  addRolloutPlan(rollout);
  const status = rollout
    .command("status <id>")
    .alias("show")
    .description("one rollout, and why each device is where it is")
    .option("-w, --watch", "follow it until it is finished; Ctrl-C ends only the watching")
    .option("--timeout <time>", "how long to follow it, such as 90s or 10m", durationMs)
    .action(showRollout);
  withExamples(withOutput(withController(status)), "ferry rollout status 7", "ferry rollout status 7 -w --timeout 10m");
  const list = rollout.command("list").description("the newest rollouts").action(listRollouts);
  withExamples(withOutput(withController(list)), "ferry rollout list -o wide");
  addRolloutVerbs(rollout);
}

interface StatusOptions extends Options {
  readonly watch?: true;
  readonly timeout?: number;
}

export async function showRollout(id: string, options: StatusOptions): Promise<void> {
  const client = clientOf(options);
  const format = formatOf(options);
  const number = rolloutId(id);
  if (options.watch === true) {
    process.exitCode = await watchRollout(client, number, { format, timeoutMs: options.timeout });
    return;
  }
  const detail: RolloutDetail = await client.getRollout({
    params: { id: number },
    query: { devices: devicesShown(format) },
  });
  printOne(detail, format, () => describeRollout(detail), id);
}

export async function listRollouts(options: Options): Promise<void> {
  const { rollouts } = await clientOf(options).listRollouts({ query: { limit: 100 } });
  const whenEmpty = "No rollout yet. Begin one with: ferry rollout create NAME@VERSION --all";
  printListing(
    { rows: rollouts, columns: ROLLOUT_COLUMNS, name: ({ id }) => String(id), whenEmpty },
    formatOf(options),
  );
}

export const ROLLOUT_COLUMNS: readonly Column<Rollout>[] = [
  { title: "ID", text: ({ id }) => String(id), align: "right" },
  { title: "BUNDLE", text: ({ model, version }) => `${model}@${version}` },
  { title: "STATE", text: ({ state }) => stateMark(state), csv: ({ state }) => state },
  { title: "STAGE", text: ({ stage, stages }) => `${stage + 1}/${stages}`, align: "right" },
  { title: "DEVICES", text: ({ counts }) => countsText(counts) },
  { title: "AGE", text: ({ createdMs }) => ago(createdMs), align: "right" },
  { title: "BY", text: ({ author }) => author ?? "–", wide: true },
  { title: "SELECTOR", text: ({ selector }) => selector, wide: true },
  { title: "STATEMENT", text: ({ statement }) => statement, wide: true },
];
