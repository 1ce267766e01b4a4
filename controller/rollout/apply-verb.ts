/** Does what an operator tells a rollout, in one transaction with its event and its entry in the audit log. */
import { EXIT, FerryError } from "../../common/ferry-error.ts";
import type { DeviceId } from "../../protocol/ids.ts";
import { recordEvent } from "../fleet/events.ts";
import { mayDo } from "../operators/operator-role.ts";
import type { InTransaction, Store } from "../store/store.ts";
import type { RolloutRow } from "../store/tables.ts";
import { readTally } from "./read-situation.ts";
import { factsOf } from "./rollout-rows.ts";
import { answerVerb, type RolloutChange, type Verb } from "./verbs.ts";

export interface VerbCall {
  readonly rollout: number;
  readonly verb: Verb;
  readonly by: string;
  /** For `retry`: these devices; undefined: all that failed. */
  readonly devices?: readonly DeviceId[] | undefined;
}

/** Gives the sentence that tells what was done. Throws `not-found`, `rollout-state`, `not-allowed`. */
export async function applyVerb(
  store: Store,
  { rollout: id, verb, by, devices }: VerbCall,
  nowMs: number,
  also: (text: string) => InTransaction,
): Promise<string> {
  return store.transaction().execute(async (trx) => {
    const row = await oneRollout(trx, id);
    const tally = await readTally(trx, id);
    const answer = answerVerb({ rollout: factsOf(row), author: row.author, tally, verb, by, nowMs });
    switch (answer.kind) {
      case "refused":
        throw new FerryError("rollout-state", answer.why, { hint: answer.hint, exitCode: EXIT.conflict });
      case "needs-another":
        throw await needsAnother(trx, row, answer.why);
      case "done":
        await writeChange(trx, id, answer.change, nowMs);
        if (verb.kind === "retry") await tryAgain(trx, row, devices, nowMs);
        await recordEvent(
          trx,
          { kind: "rollout-changed", rollout: id, text: `rollout ${id} of ${row.name}@${row.version}: ${answer.text}` },
          nowMs,
        );
        await also(answer.text)(trx);
        return answer.text;
    }
  });
}

export async function oneRollout(store: Store, id: number): Promise<RolloutRow> {
  const row = await store.selectFrom("rollouts").selectAll().where("id", "=", id).executeTakeFirst();
  if (row !== undefined) return row;
  throw new FerryError("not-found", `There is no rollout ${id}`, {
    hint: "See them with `ferry rollout list`.",
    exitCode: EXIT.notFound,
  });
}

async function writeChange(trx: Store, id: number, change: RolloutChange, nowMs: number): Promise<void> {
  const { state, why, phase, sinceMs, approvals, gatesWaivedStage, failuresAccepted } = change;
  const values = {
    ...(state === undefined ? {} : { state, finished_ms: state === "aborted" ? nowMs : null }),
    ...(why === undefined ? {} : { why }),
    ...(phase === undefined ? {} : { stage_phase: phase }),
    ...(sinceMs === undefined ? {} : { stage_since_ms: sinceMs }),
    ...(approvals === undefined ? {} : { approvals_json: JSON.stringify(approvals) }),
    ...(gatesWaivedStage === undefined ? {} : { gates_waived_stage: gatesWaivedStage }),
    ...(failuresAccepted === undefined ? {} : { failures_accepted: failuresAccepted }),
  };
  if (Object.keys(values).length === 0) return;
  await trx.updateTable("rollouts").set(values).where("id", "=", id).execute();
}

/** Without a sequence they are asked anew, as soon as something is heard of them or they are looked at again. */
async function tryAgain(
  trx: Store,
  { id, state }: RolloutRow,
  devices: readonly DeviceId[] | undefined,
  nowMs: number,
): Promise<void> {
  const isBack = state === "rolling-back" || state === "rolled-back";
  const { numUpdatedRows } = await trx
    .updateTable("rollout_devices")
    .set({
      state: isBack ? "reverting" : "waiting",
      seq: null,
      tries: 0,
      since_ms: nowMs,
      why: "to be tried again",
    })
    .where("rollout", "=", id)
    .where("live", "=", 1)
    .where("state", "=", "failed")
    .$if(devices !== undefined, (query) => query.where("device", "in", devices ?? []))
    .executeTakeFirst();
  if (numUpdatedRows > 0n) return;
  throw new FerryError("rollout-state", `None of these devices has failed in rollout ${id}`, {
    hint: `See which have with: ferry rollout status ${id}`,
    exitCode: EXIT.conflict,
  });
}

/** Names who can, so that nobody has to look for them. */
async function needsAnother(trx: Store, { author }: RolloutRow, why: string): Promise<FerryError> {
  const operators = await trx.selectFrom("operators").select(["name", "role"]).orderBy("name").execute();
  const others = operators.filter(({ name, role }) => name !== author && mayDo(role, "approver"));
  return new FerryError("not-allowed", `${why}: somebody else must`, {
    hint:
      others.length === 0
        ? "Nobody else is an approver or admin here. Add one with: ferry operator add NAME --role approver"
        : `Those who can: ${others.map(({ name }) => name).join(", ")}.`,
    exitCode: EXIT.notAllowed,
  });
}
