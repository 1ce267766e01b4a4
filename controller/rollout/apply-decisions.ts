/** Writes what was decided of a rollout into the database; the caller's transaction holds all of it or nothing. */
import type { DeviceId } from "../../protocol/ids.ts";
import type { DeployedSlot } from "../../protocol/trust/deployment.ts";
import { unreachable } from "../../protocol/unreachable.ts";
import { slotReportOf } from "../fleet/device-view.ts";
import { storeDeployment } from "../fleet/deployments.ts";
import { recordEvent, type NewEvent } from "../fleet/events.ts";
import type { RolloutState } from "../store/rollout-state.ts";
import type { Store } from "../store/store.ts";
import type { RolloutRow } from "../store/tables.ts";
import { applyDecision, type Applied, type MemberDecision } from "./apply-decision.ts";
import type { Decision, RolloutMember, Situation } from "./situation.ts";

export interface Outcome {
  /** Their deployments are to be signed and sent. */
  readonly issued: readonly DeviceId[];
  /** Another look at once may decide more. */
  readonly isMoving: boolean;
}

export async function applyDecisions(
  trx: Store,
  row: RolloutRow,
  { situation, slot }: { readonly situation: Situation; readonly slot: DeployedSlot },
  decisions: readonly Decision[],
): Promise<Outcome> {
  const { nowMs, rollout } = situation;
  const memberOf = new Map(situation.members.map((member) => [member.device, member]));
  const issued: DeviceId[] = [];
  let isMoving = false;
  for (const decision of decisions) {
    switch (decision.kind) {
      case "issue":
      case "revert":
      case "mark": {
        const member = memberOf.get(decision.device);
        if (member === undefined) throw new Error(`it was decided about ${decision.device}, which was not asked about`);
        const applied = applyDecision({ slot, spec: rollout.spec }, member, decision, nowMs);
        await writeMember(trx, row, { member, decision, applied }, nowMs);
        // A later decision about the same device begins where this one ended.
        memberOf.set(decision.device, { ...applied.member, view: viewAfter(member, applied) });
        if (applied.deployment !== undefined) issued.push(decision.device);
        isMoving ||= decision.kind !== "mark";
        break;
      }
      case "stage":
        await writeStage(trx, row, decision, nowMs);
        isMoving = true;
        break;
      case "settle":
        await writeState(trx, row, decision, nowMs);
        isMoving = true;
        break;
      default:
        unreachable(decision);
    }
  }
  return { issued, isMoving };
}

function viewAfter({ view }: RolloutMember, { deployment }: Applied): RolloutMember["view"] {
  return view === undefined || deployment === undefined ? view : { ...view, deployment };
}

interface MemberChange {
  readonly member: RolloutMember;
  readonly decision: MemberDecision;
  readonly applied: Applied;
}

/** `since_ms` moves only with the state: a progress sentence does not begin it anew. */
async function writeMember(
  trx: Store,
  row: RolloutRow,
  { member: before, applied }: MemberChange,
  nowMs: number,
): Promise<void> {
  const { member, deployment } = applied;
  if (deployment !== undefined) await storeDeployment(trx, deployment, nowMs);
  const isNewState = before.state !== member.state;
  await trx
    .updateTable("rollout_devices")
    .set({
      state: member.state,
      stage: member.stage,
      ask: member.ask,
      reachable: member.reachable ? 1 : 0,
      tries: member.tries,
      why: member.why,
      seq: member.seq,
      started_ms: member.startedMs,
      previous_json: member.previous === undefined ? null : JSON.stringify(member.previous),
      ...(isNewState ? { since_ms: nowMs } : {}),
    })
    .where("rollout", "=", row.id)
    .where("device", "=", member.device)
    .execute();
  if (!isNewState) return;
  if (member.state === "done") await noteDone(trx, row, member, nowMs);
  const event = memberEvent(row, member);
  if (event !== undefined) await recordEvent(trx, event, nowMs);
}

/** The first time counts: what was foretold is held against it. */
async function noteDone(
  trx: Store,
  { id, name }: RolloutRow,
  { device, view }: RolloutMember,
  nowMs: number,
): Promise<void> {
  const fetched = view === undefined ? undefined : slotReportOf(view, name)?.fetched;
  await trx
    .updateTable("rollout_devices")
    .set({ done_ms: nowMs, fetched_bytes: fetched?.bytes ?? null, fetched_ms: fetched?.ms ?? null })
    .where("rollout", "=", id)
    .where("device", "=", device)
    .where("done_ms", "is", null)
    .execute();
}

function memberEvent(row: RolloutRow, { device, state, ask, why, previous }: RolloutMember): NewEvent | undefined {
  const label = `${row.name}@${row.version}`;
  switch (state) {
    case "done":
      return { kind: "device-done", device, text: `${device} serves ${label}, by its own signed report` };
    case "failed": {
      const what = ask === "back" ? `does not go back from ${label}` : `does not serve ${label}`;
      return { kind: "device-failed", device, rollout: row.id, text: `${device} ${what}: ${why ?? ""}` };
    }
    case "reverted": {
      const what = previous === null || previous === undefined ? "nothing" : `${previous.model}@${previous.version}`;
      return { kind: "device-reverted", device, text: `${device} serves ${what} again, by its own signed report` };
    }
    case "waiting":
    case "deploying":
    case "superseded":
    case "reverting":
      return undefined;
  }
}

async function writeStage(
  trx: Store,
  row: RolloutRow,
  { stage, phase }: Extract<Decision, { kind: "stage" }>,
  nowMs: number,
): Promise<void> {
  await trx
    .updateTable("rollouts")
    .set({ stage, stage_phase: phase, stage_since_ms: nowMs })
    .where("id", "=", row.id)
    .execute();
  const text = `rollout ${row.id} of ${row.name}@${row.version}: stage ${stage + 1} ${PHASE_TEXT[phase]}`;
  await recordEvent(trx, { kind: "rollout-stage", rollout: row.id, text }, nowMs);
}

const PHASE_TEXT = {
  approval: "waits for an approval",
  deploying: "takes its devices",
  soaking: "soaks",
  gates: "waits for its gates",
} as const;

async function writeState(
  trx: Store,
  row: RolloutRow,
  { state, why }: Extract<Decision, { kind: "settle" }>,
  nowMs: number,
): Promise<void> {
  await trx
    .updateTable("rollouts")
    .set({
      state,
      why,
      finished_ms: isUnderWay(state) ? null : nowMs,
      // A rollout that runs again goes on where it ended: with devices that are under way.
      ...(state === "running" ? { stage_phase: "deploying" as const, stage_since_ms: nowMs } : {}),
    })
    .where("id", "=", row.id)
    .execute();
  const is = state === "running" ? "runs again" : `is ${state}`;
  const text = `rollout ${row.id} of ${row.name}@${row.version} ${is}${why === null ? "" : `: ${why}`}`;
  await recordEvent(
    trx,
    { kind: isUnderWay(state) ? "rollout-changed" : "rollout-finished", rollout: row.id, text },
    nowMs,
  );
}

export function isUnderWay(state: RolloutState): boolean {
  return state === "running" || state === "paused" || state === "rolling-back";
}
