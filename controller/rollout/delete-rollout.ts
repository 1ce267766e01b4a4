/** A rollout is forgotten only when it is over: until then devices are under way for it. */
import { EXIT, FerryError } from "../../common/ferry-error.ts";
import { recordEvent } from "../fleet/events.ts";
import { NOTHING_ELSE, type InTransaction, type Store } from "../store/store.ts";
import type { RolloutState } from "../store/rollout-state.ts";
import type { RolloutRow } from "../store/tables.ts";

const IS_OVER: Readonly<Record<RolloutState, boolean>> = {
  running: false,
  paused: false,
  "rolling-back": false,
  completed: true,
  failed: true,
  aborted: true,
  "rolled-back": true,
  superseded: true,
};

export function isOver(state: RolloutState): boolean {
  return IS_OVER[state];
}

/** Its devices keep what they run; nothing watches them for it any more. Throws `not-found`, `rollout-under-way`. */
export async function deleteRollout(
  store: Store,
  id: number,
  nowMs: number,
  also: InTransaction = NOTHING_ELSE,
): Promise<void> {
  await store.transaction().execute(async (trx) => {
    const row = await trx.selectFrom("rollouts").selectAll().where("id", "=", id).executeTakeFirst();
    if (row === undefined) throw noSuchRollout(id);
    if (!isOver(row.state)) {
      throw new FerryError("rollout-under-way", `Rollout ${id} of ${row.name}@${row.version} is ${row.state}`, {
        hint: `End it first: ferry rollout abort ${id} leaves its devices as they are, ferry rollout rollback ${id} takes them back.`,
        exitCode: EXIT.conflict,
      });
    }
    await requireAllBack(trx, row);
    await trx.deleteFrom("rollout_devices").where("rollout", "=", id).execute();
    await trx.deleteFrom("rollouts").where("id", "=", id).execute();
    const text = `rollout ${id} of ${row.name}@${row.version}, which was ${row.state}, is deleted`;
    await recordEvent(trx, { kind: "rollout-deleted", text }, nowMs);
    await also(trx);
  });
}

/** A device that was offline goes back at its next birth, and only the rollout knows to what. */
async function requireAllBack(trx: Store, { id, state }: RolloutRow): Promise<void> {
  if (state !== "rolled-back") return;
  const { count } = await trx
    .selectFrom("rollout_devices")
    .select(({ fn }) => fn.countAll<number>().as("count"))
    .where("rollout", "=", id)
    .where("state", "=", "reverting")
    .where("live", "=", 1)
    .executeTakeFirstOrThrow();
  if (count === 0) return;
  const devices = count === 1 ? "1 device has" : `${count} devices have`;
  throw new FerryError("rollout-under-way", `Rollout ${id} is rolled back, and ${devices} still to go back`, {
    hint: `They do when they are back online; see them with: ferry rollout status ${id}`,
    exitCode: EXIT.conflict,
  });
}

export function noSuchRollout(which: string | number): FerryError {
  const what = typeof which === "number" ? `rollout ${which}` : `rollout called "${which}"`;
  return new FerryError("not-found", `There is no ${what}`, {
    hint: "See them with `ferry rollout list`.",
    exitCode: EXIT.notFound,
  });
}
