/** A group goes only when nothing asks any more who is in it. */
import { EXIT, FerryError } from "../../common/ferry-error.ts";
import { groupsNamedIn, listGroups, oneGroup } from "../fleet/groups.ts";
import { NOTHING_ELSE, type InTransaction, type Store } from "../store/store.ts";
import type { RolloutRow } from "../store/tables.ts";
import { specOf } from "./rollout-rows.ts";

/** Throws `not-found`, and `group-in-use` where a rollout or another group names it. */
export async function deleteGroup(store: Store, name: string, also: InTransaction = NOTHING_ELSE): Promise<void> {
  await store.transaction().execute(async (trx) => {
    await oneGroup(trx, name);
    const users = await usersOfGroup(trx, name);
    if (users.length > 0) throw groupInUse(name, users);
    await trx.deleteFrom("device_groups").where("name", "=", name).execute();
    await also(trx);
  });
}

export interface GroupUser {
  readonly kind: "group" | "rollout";
  /** The name of a group, the number of a rollout. */
  readonly name: string;
}

/** Other groups, and the rollouts that may still ask who is in it: those under way, and those that follow their selector. */
export async function usersOfGroup(store: Store, name: string): Promise<readonly GroupUser[]> {
  const groups = await listGroups(store);
  const rollouts = await store
    .selectFrom("rollouts")
    .selectAll()
    .where((where) =>
      where.or([
        where("state", "in", ["running", "paused", "rolling-back"]),
        where.and([where("follow", "=", 1), where("state", "in", ["completed", "failed"])]),
      ]),
    )
    .orderBy("id")
    .execute();
  return [
    ...groups
      .filter(({ selector }) => groupsNamedIn(selector).includes(name))
      .map((group): GroupUser => ({ kind: "group", name: group.name })),
    ...rollouts
      .filter((row) => selectorsOf(row).some((text) => groupsNamedIn(text).includes(name)))
      .map(({ id }): GroupUser => ({ kind: "rollout", name: String(id) })),
  ];
}

function selectorsOf(row: RolloutRow): readonly string[] {
  const { selector = "", stages } = specOf(row);
  return [selector, ...stages.flatMap(({ take }) => (take.kind === "selector" ? [take.selector] : []))];
}

function groupInUse(name: string, users: readonly GroupUser[]): FerryError {
  const list = users.map((user) => (user.kind === "group" ? `group "${user.name}"` : `rollout ${user.name}`));
  return new FerryError("group-in-use", `Group "${name}" is used by ${list.join(", ")}`, {
    hint: "End those rollouts first (ferry rollout abort ID, or ferry delete rollout ID where it is over), or change those groups.",
    exitCode: EXIT.conflict,
  });
}
