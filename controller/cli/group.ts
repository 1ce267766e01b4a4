import type { Command } from "commander";
import pc from "picocolors";
import { EXIT, FerryError } from "../../common/ferry-error.ts";
import { isGroupName } from "../fleet/group-name.ts";
import type { Group, GroupDetail } from "../http/group-routes.ts";
import {
  clientOf,
  formatOf,
  withController,
  withExamples,
  withOutput,
  type OutputOptions,
  type RemoteOptions,
} from "./context.ts";
import { ago, counted } from "./human.ts";
import { printListing, printOne, say, type Column } from "./output.ts";

type Options = RemoteOptions & OutputOptions;

export function addGroupCommands(program: Command): void {
  const group = program.command("group").description("saved selectors, which @NAME means in every other one");
  const create = group
    .command("create <group>")
    .description("save a selector under a name")
    .requiredOption("-l, --selector <selector>", "the devices that it has, now and later")
    .option("--replace", "also where a group of that name has another selector")
    .action(createGroup);
  withExamples(
    withOutput(withController(create)),
    "ferry group create oslo-cameras -l 'site=oslo, camera'",
    "ferry device list -l @oslo-cameras",
  );
  const list = group.command("list").description("every group, and how many devices it has now").action(listGroups);
  withExamples(withOutput(withController(list)), "ferry group list");
  const show = group
    .command("show <group>")
    .description("one group, its devices now, and what uses it")
    .action(showGroup);
  withExamples(withOutput(withController(show)), "ferry group show oslo-cameras");
  const remove = group
    .command("delete <group>")
    .description("forget a group that nothing uses; its devices stay as they are")
    .action(deleteGroup);
  withExamples(withController(remove), "ferry group delete oslo-cameras");
}

export function groupName(text: string): string {
  if (isGroupName(text)) return text;
  throw new FerryError("usage", `${JSON.stringify(text)} is not a group's name`, {
    hint: "Allowed are lower-case letters, digits and hyphens, at most 63; the @ stands only in selectors.",
    exitCode: EXIT.usage,
  });
}

async function createGroup(
  name: string,
  options: Options & { readonly selector: string; readonly replace?: true },
): Promise<void> {
  const { selector, replace = false } = options;
  const body = { name: groupName(name), selector, replace };
  const { group, outcome } = await clientOf(options).setGroup({ body });
  printOne(group, formatOf(options), () => outcomeText(group, outcome), group.name);
  if (group.devices === 0) say(`${pc.yellow("note:")}  no device matches ${JSON.stringify(selector)} now`);
  say(`next: ferry rollout create NAME@VERSION -l @${group.name} --dry-run`);
}

export function outcomeText({ name, selector, devices }: Group, outcome: "created" | "changed" | "unchanged"): string {
  return `${pc.green("✔")} group ${pc.bold(name)} ${outcome}: ${selector}  (${counted(devices, "device")} now)`;
}

export async function listGroups(options: Options): Promise<void> {
  const { groups } = await clientOf(options).listGroups({});
  const whenEmpty = "No group yet. Make one with: ferry group create NAME -l SELECTOR";
  printListing({ rows: groups, columns: GROUP_COLUMNS, name: ({ name }) => name, whenEmpty }, formatOf(options));
}

export const GROUP_COLUMNS: readonly Column<Group>[] = [
  { title: "GROUP", text: ({ name }) => name },
  { title: "DEVICES", text: ({ devices }) => String(devices), align: "right" },
  { title: "SELECTOR", text: ({ selector }) => selector },
  { title: "CHANGED", text: ({ changedMs }) => `${ago(changedMs)} ago`, wide: true },
];

export async function showGroup(name: string, options: Options): Promise<void> {
  const detail = await clientOf(options).getGroup({ params: { group: groupName(name) } });
  printOne(detail, formatOf(options), () => describeGroup(detail), name);
}

function describeGroup({ group, devices, users }: GroupDetail): string {
  const shown = devices.slice(0, DEVICES_SHOWN_MAX);
  const more = devices.length > shown.length ? `, … and ${devices.length - shown.length} more; -o json has all` : "";
  return [
    `${pc.bold(group.name)}  ${group.selector}  changed ${ago(group.changedMs)} ago`,
    `  devices  ${devices.length === 0 ? "none matches now" : shown.join(", ") + more}`,
    `  used by  ${users.map((user) => `${user.kind} ${user.name}`).join(", ") || "nothing"}`,
  ].join("\n");
}

/** Of a group on a terminal. */
const DEVICES_SHOWN_MAX = 100;

async function deleteGroup(name: string, options: RemoteOptions): Promise<void> {
  await clientOf(options).deleteGroup({ params: { group: groupName(name) } });
  say(`${pc.green("✔")} group ${name} is deleted`);
}
