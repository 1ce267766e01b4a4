/** What a decision makes of a device's deployment and of its place in the rollout: the same in the engine and in a simulation. */
import type { ModelName } from "../../protocol/ids.ts";
import { SOAK_MS_MAX, type DeployedSlot } from "../../protocol/trust/deployment.ts";
import { withoutSlot, withSlot, type StoredDeployment } from "../fleet/deployments.ts";
import type { RolloutSpec } from "./rollout-spec.ts";
import type { Decision, RolloutMember } from "./situation.ts";

export type MemberDecision = Extract<Decision, { readonly to: unknown }>;

export interface Wished {
  /** How deployments name the rollout's bundle. */
  readonly slot: DeployedSlot;
  readonly spec: RolloutSpec;
}

export interface Applied {
  readonly member: RolloutMember;
  /** Undefined where the device's deployment stays as it is. */
  readonly deployment: StoredDeployment | undefined;
}

/** `member.view` is there for every device whose deployment is to be changed: `decide` looked at it. */
export function applyDecision(
  { slot, spec }: Wished,
  member: RolloutMember,
  decision: MemberDecision,
  nowMs: number,
): Applied {
  const next: RolloutMember = { ...member, ...decision.to };
  if (decision.kind === "mark") {
    return { member: { ...next, startedMs: restarts(member, next) ? nowMs : member.startedMs }, deployment: undefined };
  }
  const before = member.view?.deployment;
  const seq = (before?.seq ?? 0) + 1;
  const slots = before?.slots ?? [];
  const previous =
    member.previous === undefined ? (slots.find((one) => one.slot === slot.slot) ?? null) : member.previous;
  const isRepeat = member.ask === (decision.kind === "issue" ? "forward" : "back");
  const wanted = decision.kind === "issue" ? asSpecified(slot, spec) : previous;
  const changed = withWish(slots, slot.slot, wanted, isRepeat ? seq : undefined);
  // A device that was asked for exactly this already is not asked again, and keeps its sequence.
  const isSame = before !== undefined && JSON.stringify(changed) === JSON.stringify(slots);
  return {
    member: { ...next, seq: isSame ? before.seq : seq, previous, startedMs: nowMs },
    deployment: isSame ? undefined : { device: member.device, seq, slots: changed },
  };
}

/** The time of a device that was away begins anew when it is back. */
function restarts(before: RolloutMember, after: RolloutMember): boolean {
  if (after.state === "deploying") return before.state !== "deploying";
  return after.state === "reverting" && after.ask === "back" && after.reachable && !before.reachable;
}

function asSpecified(slot: DeployedSlot, { deviceSoakMs, mode, params }: RolloutSpec): DeployedSlot {
  return {
    ...slot,
    ...(deviceSoakMs === undefined ? {} : { soakMs: Math.min(deviceSoakMs, SOAK_MS_MAX) }),
    ...(params === undefined ? {} : { params }),
    ...(mode === undefined ? {} : { traffic: mode }),
  };
}

/** `retry` ascends with each further try, as the sequence does: the device tries anew what it had given up. */
function withWish(
  slots: readonly DeployedSlot[],
  name: ModelName,
  wanted: DeployedSlot | null,
  retry: number | undefined,
): readonly DeployedSlot[] {
  if (wanted === null) return withoutSlot(slots, name);
  return withSlot(slots, retry === undefined ? wanted : { ...wanted, retry });
}
