/** What `get`, `describe` and `delete` are about; the singular and the plural mean the same. */
import { EXIT, FerryError } from "../../common/ferry-error.ts";
import type { Client } from "../http/client.ts";
import type { ExperimentDetail } from "../http/experiment-routes.ts";
import type { NamedRollout } from "../http/rollout-file-routes.ts";
import { nearestWord } from "../nearest-word.ts";
import type { Resource } from "../rollout/parse-rollout-file.ts";
import type { RuleView } from "../http/alert-routes.ts";
import type { ScheduleView } from "../schedules/schedule-shape.ts";
import { groupName } from "./group.ts";
import { experimentName } from "./ids.ts";

export const KINDS = ["device", "group", "bundle", "rollout", "experiment", "alert", "schedule"] as const;
export type Kind = (typeof KINDS)[number];

/** Throws `usage`. */
export function kindOf(text: string): Kind {
  const kind = KINDS.find((one) => one === text || `${one}s` === text);
  if (kind !== undefined) return kind;
  const meant = nearestWord(text, KINDS);
  throw new FerryError("usage", `There is no kind ${JSON.stringify(text)}`, {
    hint: `${meant === undefined ? "" : `Did you mean ${meant}? `}There are ${KINDS.join(", ")}.`,
    exitCode: EXIT.usage,
  });
}

/** By its number, or by the name that a file gave it: the newest of that name. Throws `not-found`. */
export async function rolloutOf(client: Client, text: string): Promise<NamedRollout> {
  if (/^[1-9][0-9]{0,8}$/.test(text)) return client.getRolloutSpec({ params: { id: Number(text) } });
  if (/^[a-z0-9][a-z0-9.-]{0,62}$/.test(text)) return client.findRollout({ params: { name: text } });
  throw new FerryError("usage", `${JSON.stringify(text)} is neither the number nor the name of a rollout`, {
    hint: "See them with: ferry rollout list",
    exitCode: EXIT.usage,
  });
}

/** As a file has it. A rollout that nobody named is called after its number. */
export function rolloutResource({ id, spec }: NamedRollout): Resource {
  return { kind: "Rollout", name: spec.name ?? `rollout-${id}`, spec };
}

/** Of several of one name the newest. Throws `not-found`. */
export async function experimentNamed(client: Client, name: string): Promise<ExperimentDetail> {
  return client.getExperiment({ params: { experiment: experimentName(name) } });
}

/** As a file has it. */
export function experimentResource({ spec }: ExperimentDetail): Resource {
  return { kind: "Experiment", name: spec.name, spec };
}

export async function groupResource(client: Client, name: string): Promise<Resource> {
  const { group } = await client.getGroup({ params: { group: groupName(name) } });
  return { kind: "Group", name: group.name, selector: group.selector };
}

/** A rule by its name, one of the program's own included. Throws `not-found`. */
export async function ruleNamed(client: Client, name: string): Promise<RuleView> {
  const { rules } = await client.listAlertRules({});
  const names = rules.map(({ rule }) => rule.name);
  return rules.find(({ rule }) => rule.name === name) ?? notFound("alert rule", name, names, "ferry alerts rules");
}

/** As a file has it. */
export function alertResource({ rule }: RuleView): Resource {
  return { kind: "Alert", name: rule.name, spec: rule };
}

/** Throws `not-found`. */
export async function scheduleNamed(client: Client, name: string): Promise<ScheduleView> {
  const { schedules } = await client.listSchedules({});
  const names = schedules.map(({ spec }) => spec.name);
  return schedules.find(({ spec }) => spec.name === name) ?? notFound("schedule", name, names, "ferry schedule list");
}

/** As a file has it. */
export function scheduleResource({ spec }: ScheduleView): Resource {
  return { kind: "Schedule", name: spec.name, spec };
}

function notFound(what: string, name: string, names: readonly string[], listing: string): never {
  const meant = nearestWord(name, names);
  throw new FerryError("not-found", `There is no ${what} ${JSON.stringify(name)}`, {
    hint: `${meant === undefined ? "" : `Did you mean ${meant}? `}See them with: ${listing}`,
    exitCode: EXIT.notFound,
  });
}
