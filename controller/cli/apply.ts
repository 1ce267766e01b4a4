import type { Command } from "commander";
import pc from "picocolors";
import { EXIT, FerryError } from "../../common/ferry-error.ts";
import type { Client } from "../http/client.ts";
import type { Resource } from "../rollout/parse-rollout-file.ts";
import { compareResource, type Compared } from "./compare-resource.ts";
import { clientOf, withController, withExamples, type RemoteOptions } from "./context.ts";
import { comparedText } from "./diff.ts";
import { outcomeText } from "./group.ts";
import { differenceText } from "./line-difference.ts";
import { print, say } from "./output.ts";
import { describePlan } from "./plan-text.ts";
import { readResources } from "./resource-file.ts";
import { scheduleText } from "./schedule.ts";
import { checkSchedule } from "../schedules/check-schedule.ts";
import { unreachable } from "../../protocol/unreachable.ts";
import { beginExperiment, planText } from "./experiment.ts";
import { beginRollout } from "./rollout-create.ts";

interface ApplyOptions extends RemoteOptions {
  readonly file: string;
  readonly dryRun?: true;
  readonly yes?: true;
}

export function addApplyCommand(program: Command): void {
  const command = program
    .command("apply")
    .description(
      "make groups, rollouts, experiments, alert rules and schedules be as a file says; what is so already stays untouched",
    )
    .requiredOption("-f, --file <file>", "of resources; - reads standard input")
    .option("--dry-run", "show what would change, and do nothing")
    .option("--yes", "do not ask")
    .action(apply);
  withExamples(withController(command), "ferry apply -f fleet.yaml --dry-run", "ferry apply -f fleet.yaml --yes");
}

async function apply(options: ApplyOptions): Promise<void> {
  const client = clientOf(options);
  // A rollout may choose by a group of the same file.
  const resources = readResources(options.file).toSorted((one, other) => rank(one.kind) - rank(other.kind));
  for (const resource of resources) {
    const compared = await compareResource(client, resource);
    if (compared.kind === "same") print(unchangedText(compared));
    else await applyOne(client, compared, options);
  }
}

async function applyOne(client: Client, compared: Compared, options: ApplyOptions): Promise<void> {
  const { kind } = compared.resource;
  switch (kind) {
    case "Group":
      return applyGroup(client, compared, options);
    case "Alert":
      return applyAlert(client, compared, options);
    case "Schedule":
      return applySchedule(client, compared, options);
    case "Experiment":
      return applyExperiment(client, compared, options);
    case "Rollout":
      return applyRollout(client, compared, options);
    default:
      return unreachable(kind);
  }
}

function rank(kind: Resource["kind"]): number {
  return kind === "Group" ? 0 : 1;
}

function unchangedText({ resource, there }: Compared): string {
  const kind = resource.kind.toLowerCase();
  const what = `${kind} ${resource.name} unchanged`;
  return there === undefined ? what : `${what}: it is ${kind} ${there.id}, ${there.state}`;
}

async function applyGroup(client: Client, compared: Compared, { dryRun }: ApplyOptions): Promise<void> {
  const { resource } = compared;
  if (resource.kind !== "Group") return;
  if (dryRun === true) {
    print(comparedText(compared));
    return;
  }
  const { name, selector } = resource;
  const { group, outcome } = await client.setGroup({ body: { name, selector, replace: true } });
  print(outcomeText(group, outcome));
}

async function applyAlert(client: Client, compared: Compared, { dryRun }: ApplyOptions): Promise<void> {
  const { resource, kind } = compared;
  if (resource.kind !== "Alert") return;
  if (dryRun === true) {
    print(comparedText(compared));
    return;
  }
  await client.setAlertRules({ body: { rules: [resource.spec] } });
  const off = resource.spec.enabled ? "" : ", and turned off";
  print(`${pc.green("✔")} alert ${pc.bold(resource.name)} ${kind === "absent" ? "created" : "changed"}${off}`);
}

async function applySchedule(client: Client, compared: Compared, { dryRun }: ApplyOptions): Promise<void> {
  const { resource } = compared;
  if (resource.kind !== "Schedule") return;
  if (dryRun === true) {
    // Which receivers there are is the controller's to say.
    const { receivers } = await client.listSchedules({});
    checkSchedule(resource.spec, receivers, Date.now());
    print(comparedText(compared));
    return;
  }
  const { schedule, outcome } = await client.setSchedule({ body: resource.spec });
  print(scheduleText(schedule, outcome));
}

/** Throws `rollout-under-way` where another one of the name has not ended. */
async function applyRollout(client: Client, compared: Compared, { dryRun, yes, file }: ApplyOptions): Promise<void> {
  const { resource, there, lines } = compared;
  if (resource.kind !== "Rollout") return;
  const { name, spec } = resource;
  if (there?.isOver === false) {
    throw new FerryError(
      "rollout-under-way",
      `Rollout ${there.id} is called ${name}, is ${there.state}, and cannot become another:\n${differenceText(lines)}`,
      {
        hint: `End it (ferry rollout abort ${there.id}, or rollback ${there.id}) and apply again; or name the one in ${file} differently, and it takes over the devices that both want.`,
        exitCode: EXIT.conflict,
      },
    );
  }
  const plan = await client.planRollout({ body: spec });
  if (dryRun === true) {
    print(comparedText(compared));
    print(describePlan(plan));
    return;
  }
  const begun = await beginRollout(client, { spec, plan, yes: yes === true });
  print(`${pc.green("✔")} rollout ${name} has begun: it is rollout ${begun.id}, ${begun.model}@${begun.version}`);
  say(`next: ferry rollout status ${begun.id} -w`);
}

/** Throws `experiment-under-way` where another one of the name runs. */
async function applyExperiment(client: Client, compared: Compared, { dryRun, yes, file }: ApplyOptions): Promise<void> {
  const { resource, there, lines } = compared;
  if (resource.kind !== "Experiment") return;
  const { name, spec } = resource;
  if (there?.isOver === false) {
    throw new FerryError(
      "experiment-under-way",
      `Experiment ${there.id} is called ${name}, is running, and cannot become another:\n${differenceText(lines)}`,
      {
        hint: `End it (ferry experiment stop ${name}) and apply again; or name the one in ${file} differently.`,
        exitCode: EXIT.conflict,
      },
    );
  }
  const plan = await client.planExperiment({ body: spec });
  if (dryRun === true) {
    print(comparedText(compared));
    print(planText(plan));
    return;
  }
  const begun = await beginExperiment(client, spec, plan, yes === true);
  print(`${pc.green("✔")} experiment ${name} has begun: ${begun.model} ${begun.former} against ${begun.candidate}`);
  say(`next: ferry experiment status ${name} -w`);
}
