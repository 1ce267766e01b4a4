/** How an experiment ends: A is kept, B is promoted, or something else has decided already. */
import { FerryError } from "../../common/ferry-error.ts";
import { recordEvent } from "../fleet/events.ts";
import { applyVerb } from "../rollout/apply-verb.ts";
import { createRollout, type NewRollout } from "../rollout/create-rollout.ts";
import type { InTransaction, Store, StoreTransaction } from "../store/store.ts";
import type { ExperimentState } from "../store/experiment-state.ts";
import type { ExperimentRow } from "../store/tables.ts";

export interface Ending {
  readonly experiment: ExperimentRow;
  readonly state: Exclude<ExperimentState, "running">;
  /** An operator, or `(system)`. */
  readonly by: string;
  readonly why: string;
}

/**
 * Its devices go back to A, in the same transaction; those that are offline when they return. Where no device was changed yet,
 * none will be.
 */
export async function keepFormer(store: Store, ending: Ending, nowMs: number, also: InTransaction): Promise<void> {
  const { experiment, by } = ending;
  const ended = () => async (trx: StoreTransaction) => {
    await markEnded(trx, ending, nowMs);
    await also(trx);
  };
  for (const kind of ["rollback", "abort"] as const) {
    try {
      await applyVerb(store, { rollout: experiment.rollout, verb: { kind }, by }, nowMs, ended);
      return;
    } catch (thrown) {
      if (!(thrown instanceof FerryError) || (thrown.code !== "rollout-state" && thrown.code !== "not-found"))
        throw thrown;
    }
  }
  // It goes back already, or is over.
  await endOnly(store, ending, nowMs, also);
}

/** The row alone: what becomes of its devices has been decided elsewhere. */
export async function endOnly(store: Store, ending: Ending, nowMs: number, also: InTransaction): Promise<void> {
  await store.transaction().execute(async (trx) => {
    await markEnded(trx, ending, nowMs);
    await also(trx);
  });
}

/** An ordinary rollout takes the devices over: B is on their disks already. Gives its id. */
export async function promote(
  store: Store,
  ending: Ending,
  rollout: NewRollout,
  nowMs: number,
  also: (rollout: number) => InTransaction,
): Promise<number> {
  return createRollout(store, rollout, nowMs, (id) => async (trx) => {
    await markEnded(trx, ending, nowMs, id);
    await also(id)(trx);
  });
}

/** Once: who comes second changes nothing. */
async function markEnded(
  trx: StoreTransaction,
  { experiment: { id, name, rollout }, state, by, why }: Ending,
  nowMs: number,
  promotion: number | null = null,
): Promise<void> {
  const { numUpdatedRows } = await trx
    .updateTable("experiments")
    .set({ state, ended_ms: nowMs, ended_by: by, why, promotion })
    .where("id", "=", id)
    .where("state", "=", "running")
    .executeTakeFirst();
  if (numUpdatedRows === 0n) return;
  const into = promotion === null ? "" : ` by rollout ${promotion}`;
  const text = `experiment ${name} has ended, ${state}${into}: ${why}`;
  await recordEvent(trx, { kind: "experiment-ended", rollout, text }, nowMs);
}
