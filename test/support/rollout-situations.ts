/** Rollouts as `decide` sees them, for tests: one rollout of digits 2.0.0, and devices that stand anywhere in it. */
import { completeSpec } from "../../controller/rollout/complete-spec.ts";
import type { RolloutRequest, RolloutStage } from "../../controller/rollout/rollout-spec.ts";
import type { RolloutFacts, RolloutMember, Situation } from "../../controller/rollout/situation.ts";
import { tallyOf } from "../../controller/rollout/tally.ts";
import type { DeviceId, ModelVersion } from "../../protocol/ids.ts";
import { DIGITS, NOW_MS, slotFor, statement } from "./device-views.ts";

export const GOAL = slotFor("b", "2.0.0");
export const BEFORE = slotFor("a", "1.0.0");

export function stage(name: string, share: number, changes: Partial<RolloutStage> = {}): RolloutStage {
  return { name, take: { kind: "share", share, min: 1 }, soakMs: 0, approval: "none", ...changes };
}

export function facts(changes: Partial<RolloutFacts> = {}, request: Partial<RolloutRequest> = {}): RolloutFacts {
  const spec = completeSpec({ model: DIGITS, version: "2.0.0" as ModelVersion, gates: [], ...request });
  return {
    id: 1,
    statement: statement("b"),
    slot: DIGITS,
    spec,
    state: "running",
    why: null,
    stage: 0,
    phase: "deploying",
    sinceMs: NOW_MS,
    approvals: [],
    gatesWaivedStage: null,
    failuresAccepted: 0,
    ...changes,
  };
}

/** One that was asked, and of which nothing was heard since. */
export function member(device: string, changes: Partial<RolloutMember> = {}): RolloutMember {
  return {
    device: device as DeviceId,
    state: "deploying",
    stage: 0,
    ask: "forward",
    live: true,
    reachable: true,
    tries: 0,
    why: "the deployment is on its way",
    order: 0,
    seq: 2,
    startedMs: NOW_MS - 1_000,
    previous: BEFORE,
    view: undefined,
    ...changes,
  };
}

/** One that no stage has taken yet. */
export function waiting(device: string, changes: Partial<RolloutMember> = {}): RolloutMember {
  const untouched = { state: "waiting", stage: null, ask: "none", seq: null, startedMs: null, why: null } as const;
  return member(device, { ...untouched, previous: undefined, ...changes });
}

/** `members` are all that there are. */
export function situation(
  rollout: RolloutFacts,
  members: readonly RolloutMember[],
  changes: Partial<Situation> = {},
): Situation {
  return {
    rollout,
    members,
    tally: tallyOf(members),
    hasMore: false,
    gates: undefined,
    selector: null,
    window: null,
    begunLately: 0,
    changesMax: 1_000,
    nowMs: NOW_MS,
    ...changes,
  };
}
