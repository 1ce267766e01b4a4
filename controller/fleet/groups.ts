/** Groups: selectors that have a name, so that `@oslo-cameras` can stand in every other one. */
import { EXIT, FerryError } from "../../common/ferry-error.ts";
import { nearestWord } from "../nearest-word.ts";
import { NOTHING_ELSE, type InTransaction, type Store } from "../store/store.ts";
import type { DeviceGroupRow } from "../store/tables.ts";
import { parseSelector, type GroupLookup, type Selector } from "./selector.ts";

/** More than a person keeps apart; each selector that names one reads them all. */
export const GROUPS_MAX = 1_000;

/** Ascending by name. */
export async function listGroups(store: Store): Promise<DeviceGroupRow[]> {
  return store.selectFrom("device_groups").selectAll().orderBy("name").execute();
}

/** Throws `not-found`. */
export async function oneGroup(store: Store, name: string): Promise<DeviceGroupRow> {
  const row = await store.selectFrom("device_groups").selectAll().where("name", "=", name).executeTakeFirst();
  if (row !== undefined) return row;
  throw noSuchGroup(name, await listGroups(store));
}

/** Throws `bad-selector`, and `not-found` for a group that it names. */
export async function readSelector(store: Store, text: string): Promise<Selector> {
  if (!text.includes("@")) return parseSelector(text);
  return parseSelector(text, lookupIn(await listGroups(store)));
}

/** A group may name groups, each defined by itself in the end. Throws `not-found`, `group-cycle`. */
export function lookupIn(groups: readonly Pick<DeviceGroupRow, "name" | "selector">[]): GroupLookup {
  const within = (path: readonly string[]): GroupLookup => {
    return (name) => {
      const group = groups.find((one) => one.name === name);
      if (group === undefined) throw noSuchGroup(name, groups);
      if (path.includes(name)) {
        const circle = [...path.slice(path.indexOf(name)), name].map((one) => `@${one}`).join(" → ");
        throw new FerryError("group-cycle", `Group "${name}" would be defined by itself: ${circle}`, {
          hint: "Write the labels out in one of them.",
          exitCode: EXIT.conflict,
        });
      }
      return parseSelector(group.selector, within([...path, name]));
    };
  };
  return within([]);
}

/** The groups that a selector names itself. */
export function groupsNamedIn(text: string): readonly string[] {
  return parseSelector(text, () => []).flatMap((requirement) =>
    requirement.kind === "inGroup" || requirement.kind === "outsideGroup" ? [requirement.group] : [],
  );
}

export interface NewGroup {
  readonly name: string;
  readonly selector: string;
  /** Without it, a group of that name with another selector is a conflict. */
  readonly replace: boolean;
}

export type GroupOutcome = "created" | "changed" | "unchanged";

/** Throws `bad-selector`, `not-found`, `group-cycle`, `group-exists`, `too-many-groups`. */
export async function setGroup(
  store: Store,
  { name, selector, replace }: NewGroup,
  nowMs: number,
  also: InTransaction = NOTHING_ELSE,
): Promise<GroupOutcome> {
  return store.transaction().execute(async (trx) => {
    const groups = await listGroups(trx);
    const former = groups.find((group) => group.name === name);
    if (former?.selector === selector) return "unchanged";
    if (former !== undefined && !replace) throw groupExists(former);
    if (former === undefined && groups.length >= GROUPS_MAX) throw tooManyGroups();
    lookupIn([...groups.filter((group) => group !== former), { name, selector }])(name);
    await trx
      .insertInto("device_groups")
      .values({ name, selector, created_ms: nowMs, changed_ms: nowMs })
      .onConflict((conflict) => conflict.column("name").doUpdateSet({ selector, changed_ms: nowMs }))
      .execute();
    await also(trx);
    return former === undefined ? "created" : "changed";
  });
}

function noSuchGroup(name: string, groups: readonly { readonly name: string }[]): FerryError {
  const known = groups.map((group) => group.name);
  const meant = nearestWord(name, known);
  return new FerryError(
    "not-found",
    `There is no group "${name}"${meant === undefined ? "" : `; did you mean "${meant}"?`}`,
    {
      hint:
        known.length === 0
          ? "There is none at all. Make one with: ferry group create NAME -l SELECTOR"
          : "See the groups with `ferry group list`.",
      exitCode: EXIT.notFound,
    },
  );
}

function groupExists({ name, selector }: DeviceGroupRow): FerryError {
  return new FerryError("group-exists", `There is a group "${name}" already: ${selector}`, {
    hint: "Change it with --replace, or give the new one another name.",
    exitCode: EXIT.conflict,
  });
}

function tooManyGroups(): FerryError {
  return new FerryError("too-many-groups", `There are ${GROUPS_MAX} groups already, the most there can be`, {
    hint: "Delete some: ferry group delete NAME",
    exitCode: EXIT.conflict,
  });
}
