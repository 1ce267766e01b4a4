import type { Command } from "commander";
import pc from "picocolors";
import { EXIT, FerryError } from "../../common/ferry-error.ts";
import type { Client } from "../http/client.ts";
import { clientOf, withController, withExamples, type RemoteOptions } from "./context.ts";
import { groupName } from "./group.ts";
import { print } from "./output.ts";
import { requireYes } from "./require-yes.ts";
import { readResources } from "./resource-file.ts";
import { kindOf, rolloutOf, ruleNamed, type Kind } from "./resource-kinds.ts";

interface DeleteOptions extends RemoteOptions {
  readonly file?: string;
  readonly yes?: true;
}

export function addDeleteCommand(program: Command): void {
  const command = program
    .command("delete [kind] [names...]")
    .description(
      "forget groups that nothing uses, rollouts that are over, alert rules and schedules; devices stay as they are",
    )
    .option("-f, --file <file>", "those that the file names, instead of kind and names; - reads standard input")
    .option("--yes", "do not ask")
    .action(remove);
  withExamples(
    withController(command),
    "ferry delete group oslo-cameras",
    "ferry delete rollout digits-1-4 --yes",
    "ferry delete -f fleet.yaml --yes",
  );
}

interface Doomed {
  readonly kind: "group" | "rollout" | "alert" | "schedule";
  readonly name: string;
}

async function remove(kind: string | undefined, names: readonly string[], options: DeleteOptions): Promise<void> {
  const client = clientOf(options);
  const doomed = options.file === undefined ? doomedBy(kind, names) : doomedIn(options.file, kind);
  const list = doomed.map((one) => `${one.kind} ${one.name}`).join(", ");
  await requireYes(
    { act: `delete ${list}`, question: `Delete ${list}?`, hint: "Add --yes to do it." },
    options.yes === true,
  );
  for (const one of doomed) print(`${pc.green("✔")} ${await removeOne(client, one)}`);
}

function doomedBy(kind: string | undefined, names: readonly string[]): readonly Doomed[] {
  if (kind === undefined || names.length === 0) {
    throw usage("What is to be deleted?", "Give kind and names (ferry delete group oslo-cameras), or a file with -f.");
  }
  const known = deletable(kindOf(kind));
  return names.map((name) => ({ kind: known, name }));
}

/** Rollouts before the groups that they use. */
function doomedIn(file: string, kind: string | undefined): readonly Doomed[] {
  if (kind !== undefined) throw usage("Kind and names, or a file: not both", "Leave -f out, or the names.");
  const all = readResources(file);
  const doomed = all.map(({ kind: of, name }): Doomed => ({ kind: deletable(kindOf(of.toLowerCase())), name }));
  return doomed.toSorted((one, other) => Number(one.kind === "group") - Number(other.kind === "group"));
}

function deletable(kind: Kind): Doomed["kind"] {
  switch (kind) {
    case "group":
    case "rollout":
    case "alert":
    case "schedule":
      return kind;
    case "device":
      throw usage(
        "A device is not deleted: it may come back",
        "Take its certificates away: ferry device revoke DEVICE",
      );
    case "experiment":
      throw usage("An experiment is not deleted: what it found stays", "End it with: ferry experiment stop NAME");
    case "bundle":
      throw usage("A bundle is not deleted: devices may go back to it", "It costs disk only.");
  }
}

async function removeOne(client: Client, { kind, name }: Doomed): Promise<string> {
  switch (kind) {
    case "group":
      await client.deleteGroup({ params: { group: groupName(name) } });
      return `group ${name} is deleted`;
    case "rollout": {
      const { id, state } = await rolloutOf(client, name);
      await client.deleteRollout({ params: { id } });
      return `rollout ${id}, which was ${state}, is deleted; its devices stay as they are`;
    }
    case "alert": {
      await ruleNamed(client, name);
      await client.deleteAlertRule({ params: { rule: name } });
      return `alert ${name} is deleted; one of the program's own is as it was again`;
    }
    case "schedule": {
      const { folder } = await client.deleteSchedule({ params: { schedule: name } });
      return `schedule ${name} is deleted${folder === undefined ? "" : `; what it made stays in ${folder}`}`;
    }
  }
}

function usage(message: string, hint: string): FerryError {
  return new FerryError("usage", message, { hint, exitCode: EXIT.usage });
}
