import type { Command } from "commander";
import pc from "picocolors";
import { EXIT, FerryError } from "../../common/ferry-error.ts";
import type { Client } from "../http/client.ts";
import { isOver } from "../rollout/delete-rollout.ts";
import { compareResource, type Compared } from "./compare-resource.ts";
import { clientOf, withController, withExamples, type RemoteOptions } from "./context.ts";
import { comparedText } from "./diff.ts";
import { outcomeText } from "./group.ts";
import { differenceText } from "./line-difference.ts";
import { print, say } from "./output.ts";
import { describePlan } from "./plan-text.ts";
import { readResources } from "./resource-file.ts";
import { beginRollout } from "./rollout-create.ts";

interface ApplyOptions extends RemoteOptions {
  readonly file: string;
  readonly dryRun?: true;
  readonly yes?: true;
}

export function addApplyCommand(program: Command): void {
  const command = program
    .command("apply")
    .description("make groups and rollouts be as a file says; what is so already stays untouched")
    .requiredOption("-f, --file <file>", "of rollouts and groups; - reads standard input")
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
    else if (resource.kind === "Group") await applyGroup(client, compared, options);
    else await applyRollout(client, compared, options);
  }
}

function rank(kind: "Group" | "Rollout"): number {
  return kind === "Group" ? 0 : 1;
}

function unchangedText({ resource, rollout }: Compared): string {
  const what = `${resource.kind.toLowerCase()} ${resource.name} unchanged`;
  return rollout === undefined ? what : `${what}: it is rollout ${rollout.id}, ${rollout.state}`;
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

/** Throws `rollout-under-way` where another one of the name has not ended. */
async function applyRollout(client: Client, compared: Compared, { dryRun, yes, file }: ApplyOptions): Promise<void> {
  const { resource, rollout, lines } = compared;
  if (resource.kind !== "Rollout") return;
  const { name, spec } = resource;
  if (rollout !== undefined && !isOver(rollout.state)) {
    throw new FerryError(
      "rollout-under-way",
      `Rollout ${rollout.id} is called ${name}, is ${rollout.state}, and cannot become another:\n${differenceText(lines)}`,
      {
        hint: `End it (ferry rollout abort ${rollout.id}, or rollback ${rollout.id}) and apply again; or name the one in ${file} differently, and it takes over the devices that both want.`,
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
