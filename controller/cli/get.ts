import type { Command } from "commander";
import { EXIT, FerryError } from "../../common/ferry-error.ts";
import type { Client } from "../http/client.ts";
import type { Resource } from "../rollout/parse-rollout-file.ts";
import { resourceText } from "../rollout/resource-text.ts";
import { BUNDLE_COLUMNS, bundleLabel, listBundles } from "./bundle-list.ts";
import {
  clientOf,
  formatOf,
  withController,
  withExamples,
  withOutput,
  type OutputOptions,
  type RemoteOptions,
} from "./context.ts";
import { DEVICE_COLUMNS, listDevices } from "./device.ts";
import { EXPERIMENT_COLUMNS, listExperiments } from "./experiment.ts";
import { GROUP_COLUMNS, groupName, listGroups } from "./group.ts";
import { deviceId, modelLabel } from "./ids.ts";
import { print, printListing, type Listing, type OutputFormat } from "./output.ts";
import { listRules, RULE_COLUMNS } from "./alerts.ts";
import { listSchedules, SCHEDULE_COLUMNS } from "./schedule.ts";
import {
  alertResource,
  experimentNamed,
  experimentResource,
  groupResource,
  kindOf,
  rolloutOf,
  rolloutResource,
  ruleNamed,
  scheduleNamed,
  scheduleResource,
  type Kind,
} from "./resource-kinds.ts";
import { listRollouts, ROLLOUT_COLUMNS } from "./rollout.ts";

interface GetOptions extends RemoteOptions, OutputOptions {
  readonly selector?: string;
}

export function addGetCommand(program: Command): void {
  const command = program
    .command("get <kind> [names...]")
    .description(
      "list devices, groups, bundles, rollouts, experiments, alert rules or schedules; with -o yaml as files for apply, but for devices and bundles",
    )
    .option("-l, --selector <selector>", "only devices with these labels; @NAME is a group")
    .action(get);
  withExamples(
    withOutput(withController(command)),
    "ferry get devices -l @oslo-cameras -o wide",
    "ferry get rollout digits-1-4 -o yaml > rollout.yaml",
    "ferry get bundles -o name",
    "ferry get alerts -o yaml > alerts.yaml",
  );
}

async function get(kindText: string, names: readonly string[], options: GetOptions): Promise<void> {
  const kind = kindOf(kindText);
  if (options.selector !== undefined && (kind !== "device" || names.length > 0)) {
    throw new FerryError("usage", "-l chooses devices, and not together with their names", {
      hint: "Example: ferry get devices -l site=oslo",
      exitCode: EXIT.usage,
    });
  }
  const format = formatOf(options);
  if (format === "yaml" && kind !== "device" && kind !== "bundle") {
    return printFiles(clientOf(options), kind, names);
  }
  await (names.length === 0 ? listKind(kind, options) : showNamed(clientOf(options), kind, names, format));
}

async function listKind(kind: Kind, options: GetOptions): Promise<void> {
  switch (kind) {
    case "device":
      return listDevices(options);
    case "group":
      return listGroups(options);
    case "bundle":
      return listBundles(options);
    case "rollout":
      return listRollouts(options);
    case "experiment":
      return listExperiments(options);
    case "alert":
      return listRules(options);
    case "schedule":
      return listSchedules(options);
  }
}

async function showNamed(client: Client, kind: Kind, names: readonly string[], format: OutputFormat): Promise<void> {
  switch (kind) {
    case "device": {
      const rows = await inTurn(names, (name) => client.getDevice({ params: { device: deviceId(name) } }));
      const devices = rows.map(({ device }) => device);
      printRows({ rows: devices, columns: DEVICE_COLUMNS, name: ({ id }) => id }, format);
      return;
    }
    case "group": {
      const rows = await inTurn(names, (name) => client.getGroup({ params: { group: groupName(name) } }));
      const groups = rows.map(({ group }) => group);
      printRows({ rows: groups, columns: GROUP_COLUMNS, name: ({ name }) => name }, format);
      return;
    }
    case "bundle": {
      const rows = await inTurn(names, (label) => {
        const { model: name, version } = modelLabel(label);
        return client.getBundle({ params: { name, version } });
      });
      printRows({ rows, columns: BUNDLE_COLUMNS, name: bundleLabel }, format);
      return;
    }
    case "rollout": {
      const rows = await inTurn(names, async (name) => {
        const { id } = await rolloutOf(client, name);
        return (await client.getRollout({ params: { id }, query: { devices: 0 } })).rollout;
      });
      printRows({ rows, columns: ROLLOUT_COLUMNS, name: ({ id }) => String(id) }, format);
      return;
    }
    case "experiment": {
      const rows = await inTurn(names, async (name) => {
        const { experiment, results } = await experimentNamed(client, name);
        return { ...experiment, advice: results.advice, verdict: results.verdict };
      });
      printRows({ rows, columns: EXPERIMENT_COLUMNS, name: ({ name }) => name }, format);
      return;
    }
    case "alert": {
      const rows = await inTurn(names, (name) => ruleNamed(client, name));
      printRows({ rows, columns: RULE_COLUMNS, name: ({ rule }) => rule.name }, format);
      return;
    }
    case "schedule": {
      const rows = await inTurn(names, (name) => scheduleNamed(client, name));
      printRows({ rows, columns: SCHEDULE_COLUMNS, name: ({ spec }) => spec.name }, format);
      return;
    }
  }
}

function printRows<Row>(listing: Omit<Listing<Row>, "whenEmpty">, format: OutputFormat): void {
  printListing({ ...listing, whenEmpty: "" }, format);
}

/** One request at a time: names are typed, so they are few. */
async function inTurn<T>(names: readonly string[], ask: (name: string) => Promise<T>): Promise<T[]> {
  const answers: T[] = [];
  for (const name of names) answers.push(await ask(name));
  return answers;
}

/** Of rollouts and experiments, which only become more. */
const NEWEST = 100;

type FileKind = Exclude<Kind, "device" | "bundle">;

/** The newest 100 rollouts or experiments, or all of another kind, where none is named. */
async function printFiles(client: Client, kind: FileKind, names: readonly string[]): Promise<void> {
  const all = names.length > 0 ? names : await everyName(client, kind);
  const resources = await inTurn(all, (name) => resourceOf(client, kind, name));
  print(resources.map(resourceText).join("---\n").trimEnd());
}

async function resourceOf(client: Client, kind: FileKind, name: string): Promise<Resource> {
  switch (kind) {
    case "group":
      return groupResource(client, name);
    case "rollout":
      return rolloutResource(await rolloutOf(client, name));
    case "experiment":
      return experimentResource(await experimentNamed(client, name));
    case "alert":
      return alertResource(await ruleNamed(client, name));
    case "schedule":
      return scheduleResource(await scheduleNamed(client, name));
  }
}

async function everyName(client: Client, kind: FileKind): Promise<string[]> {
  const query = { limit: NEWEST };
  switch (kind) {
    case "group":
      return (await client.listGroups({})).groups.map(({ name }) => name);
    case "experiment":
      return (await client.listExperiments({ query })).experiments.map(({ id }) => String(id));
    case "rollout":
      return (await client.listRollouts({ query })).rollouts.map(({ id }) => String(id));
    case "alert":
      return (await client.listAlertRules({})).rules.map(({ rule }) => rule.name);
    case "schedule":
      return (await client.listSchedules({})).schedules.map(({ spec }) => spec.name);
  }
}
