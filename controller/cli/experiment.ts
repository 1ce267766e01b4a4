/** `ferry experiment create|status|stop|report|list`: two versions of a model side by side on real traffic. */
import type { Command } from "commander";
import pc from "picocolors";
import { experimentFromFlags, type ExperimentFlags } from "../experiments/experiment-from-flags.ts";
import type { ExperimentRequest } from "../experiments/experiment-spec.ts";
import type { Client } from "../http/client.ts";
import type { Experiment, ExperimentDetail } from "../http/experiment-routes.ts";
import type { ResultOf } from "../http/route.ts";
import type { Routes } from "../http/routes.ts";
import {
  clientOf,
  formatOf,
  withController,
  withExamples,
  withRemote,
  type RemoteCommandOptions,
  type RemoteOptions,
} from "./context.ts";
import { durationMs } from "./duration.ts";
import { describeExperiment } from "./experiment-text.ts";
import { ago, counted, duration } from "./human.ts";
import { experimentName } from "./ids.ts";
import { printListing, printOne, say, type Column } from "./output.ts";
import { withReportOutput, writeReport, type ReportOutputOptions } from "./report-output.ts";
import { requireYes } from "./require-yes.ts";
import { subjectOf, withSubject } from "./rollout-create.ts";
import { watchExperiment } from "./watch-experiment.ts";

type Options = RemoteCommandOptions;

export function addExperimentCommands(program: Command): void {
  const experiment = program
    .command("experiment")
    .description(
      "compare two versions of a model on the same devices, with verdicts that hold however often one looks",
    );
  const create = withSubject(experiment.command("create <name@version>"))
    .description("let a version (B) answer a share of the requests beside the one that serves (A), and compare both")
    .option("--name <name>", "what you call it (default: from the version)")
    .option("--against <version>", "A, where the devices serve several versions: the others are left out")
    .option("--share <share>", "of the requests, that B answers (default: 50%)")
    .option(
      "--metric <metric...>",
      "what is compared, and the smallest difference that matters, as NAME or NAME:EFFECT: accuracy:1% latency_p95_ms:0.5 (default: accuracy, error_rate, latency_p95_ms)",
    )
    .option("--duration <time>", "how long at most; then A is kept (default: 7d, at most 28d)")
    .option("--confidence <share>", "how sure the verdicts are, all together (default: 95%)")
    .option("--dry-run", "show who would take part, and do nothing")
    .option("--yes", "do not ask")
    .option("-w, --watch", "follow it")
    .option("--timeout <time>", "how long to follow it, such as 90s or 10m", durationMs)
    .action(createExperiment);
  withRemote(
    create,
    "ferry experiment create digits@1.1.0 -l site=oslo --dry-run",
    "ferry experiment create digits@1.1.0 --all --share 20% --duration 3d",
    "ferry experiment create digits@1.1.0 --all --metric accuracy:1% --metric latency_p95_ms:10% --yes -w",
  );
  const status = experiment
    .command("status <experiment>")
    .alias("show")
    .description("the verdict, every metric with its interval, and where the devices stand")
    .option("-w, --watch", "follow it until it has ended; Ctrl-C ends only the watching")
    .option("--timeout <time>", "how long to follow it, such as 90s or 10m", durationMs)
    .action(showExperiment);
  withRemote(status, "ferry experiment status digits-1.1.0", "ferry experiment status digits-1.1.0 -w");
  const stop = experiment
    .command("stop <experiment>")
    .description(
      "end it: devices go back to A, those that are offline when they return; with --promote B goes to all of them",
    )
    .option("--promote", "bring B to its devices, by an ordinary rollout")
    .option("--yes", "do not ask")
    .action(stopExperiment);
  withRemote(stop, "ferry experiment stop digits-1.1.0", "ferry experiment stop digits-1.1.0 --promote --yes");
  const report = experiment
    .command("report <experiment>")
    .description("the verdict, what to do next, and what both rest on, as text, HTML, Markdown, CSV or JSON")
    .action(reportExperiment);
  withExamples(
    withController(withReportOutput(report)),
    "ferry experiment report digits-1.1.0",
    "ferry experiment report digits-1.1.0 --out digits.html",
    "ferry experiment report digits-1.1.0 --format csv",
  );
  const list = experiment
    .command("list")
    .description("the newest experiments, with their verdicts")
    .action(listExperiments);
  withRemote(list, "ferry experiment list -o wide");
}

interface CreateOptions extends Options, ExperimentFlags {
  readonly selector?: string;
  readonly all?: true;
  readonly device?: readonly string[];
  readonly dryRun?: true;
  readonly yes?: true;
  readonly watch?: true;
  readonly timeout?: number;
}

async function createExperiment(label: string, options: CreateOptions): Promise<void> {
  const format = formatOf(options);
  const request = experimentFromFlags(subjectOf(label, options), options);
  const client = clientOf(options);
  const plan = await client.planExperiment({ body: request });
  if (options.dryRun === true) {
    printOne(plan, format, () => planText(plan), plan.spec.name);
    return;
  }
  const experiment = await beginExperiment(client, request, plan, options.yes === true);
  if (options.watch === true) {
    process.exitCode = await watchExperiment(client, experiment.name, { format, timeoutMs: options.timeout });
    return;
  }
  printOne(experiment, format, () => `${pc.green("✔")} experiment ${experiment.name} has begun`, experiment.name);
  say(`next: ferry experiment status ${experiment.name} -w`);
}

export type ExperimentPlan = ResultOf<Routes["planExperiment"]>;

/** Shows who takes part, asks, begins. Throws `not-confirmed`, and what the controller says. */
export async function beginExperiment(
  client: Client,
  request: ExperimentRequest,
  plan: ExperimentPlan,
  yes: boolean,
): Promise<Experiment> {
  say(planText(plan));
  const act = `split the traffic of ${counted(plan.participants.devices.length, "device")}`;
  await requireYes({ act, question: `Really ${act}?` }, yes);
  return (await client.createExperiment({ body: request })).experiment;
}

/** Reasons shown on one screen. */
const LEFT_OUT_SHOWN_MAX = 10;

export function planText({ spec, participants: { former, devices, leftOut } }: ExperimentPlan): string {
  const { name, model, version, share, metrics, durationMs: most } = spec;
  const shown = leftOut.slice(0, LEFT_OUT_SHOWN_MAX);
  return [
    `${pc.bold(`Experiment ${name}`)}  ${model}  A ${former}, B ${version} with ${Number((100 * share).toFixed(2))} % of the requests`,
    `  ${counted(devices.length, "device")} take part, for ${duration(most)} at most: ${metrics.map(({ metric }) => metric).join(", ")}`,
    ...shown.map(({ device, why }) => `  ${pc.yellow("left out")} ${device}: ${why}`),
    ...(leftOut.length > shown.length ? [`  … and ${leftOut.length - shown.length} more: -o json has all`] : []),
  ].join("\n");
}

interface StatusOptions extends Options {
  readonly watch?: true;
  readonly timeout?: number;
}

export async function showExperiment(name: string, options: StatusOptions): Promise<void> {
  const client = clientOf(options);
  const format = formatOf(options);
  if (options.watch === true) {
    process.exitCode = await watchExperiment(client, name, { format, timeoutMs: options.timeout });
    return;
  }
  const detail = await client.getExperiment({ params: { experiment: experimentName(name) } });
  printOne(detail, format, () => describeExperiment(detail), detail.experiment.name);
  const next = nextText(detail);
  if (next !== undefined) say(`next: ${next}`);
}

function nextText({ experiment: { name, state }, results: { advice } }: ExperimentDetail): string | undefined {
  if (state !== "running") return undefined;
  if (advice === "promote") return `ferry experiment stop ${name} --promote`;
  if (advice === "keep") return `ferry experiment stop ${name}`;
  return undefined;
}

async function stopExperiment(
  name: string,
  options: Options & { readonly promote?: true; readonly yes?: true },
): Promise<void> {
  const client = clientOf(options);
  const params = { experiment: experimentName(name) };
  const { experiment } = await client.getExperiment({ params });
  const { former, candidate, state } = experiment;
  const act =
    options.promote === true
      ? `bring ${candidate} to all devices of experiment ${experiment.name}`
      : `end experiment ${experiment.name} and keep ${former}`;
  await requireYes(
    { act, question: `Really ${act}?`, hint: "Add --yes to do it." },
    options.yes === true || state !== "running",
  );
  const stopped = await client.stopExperiment({ params, body: { promote: options.promote === true } });
  const mark = stopped.hasEnded ? pc.dim("·") : pc.green("✔");
  printOne(
    stopped.experiment,
    formatOf(options),
    () => `${mark} experiment ${experiment.name}: ${stopped.text}`,
    experiment.name,
  );
  if (stopped.hasEnded) return;
  const { promotion, rollout } = stopped.experiment;
  say(`next: ferry rollout status ${promotion ?? rollout} -w`);
}

async function reportExperiment(name: string, options: RemoteOptions & ReportOutputOptions): Promise<void> {
  writeReport(await clientOf(options).experimentReport({ params: { experiment: experimentName(name) } }), options);
}

export async function listExperiments(options: Options): Promise<void> {
  const { experiments } = await clientOf(options).listExperiments({ query: { limit: 20 } });
  const whenEmpty = "No experiment yet. Begin one with: ferry experiment create NAME@VERSION --all";
  printListing(
    { rows: experiments, columns: EXPERIMENT_COLUMNS, name: ({ name }) => name, whenEmpty },
    formatOf(options),
  );
}

type Listed = ResultOf<Routes["listExperiments"]>["experiments"][number];

export const EXPERIMENT_COLUMNS: readonly Column<Listed>[] = [
  { title: "NAME", text: ({ name }) => name },
  { title: "MODEL", text: ({ model }) => model },
  { title: "A", text: ({ former }) => former },
  { title: "B", text: ({ candidate }) => candidate },
  { title: "STATE", text: ({ state }) => state },
  { title: "ADVICE", text: ({ advice }) => advice },
  { title: "AGE", text: ({ createdMs }) => ago(createdMs), align: "right" },
  { title: "ROLLOUT", text: ({ rollout }) => String(rollout), align: "right", wide: true },
  { title: "BY", text: ({ author }) => author, wide: true },
  { title: "SELECTOR", text: ({ selector }) => selector, wide: true },
  { title: "VERDICT", text: ({ verdict }) => verdict, wide: true },
];
