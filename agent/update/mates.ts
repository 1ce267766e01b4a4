/**
 * Slots that change with one deployment change together, or not at all: the models of a device may only fit each other
 * in the combinations that the director signed. A group is the slots whose state carries the same `seq`. Pure.
 */
import { AGENT_NAME } from "../../protocol/bundle/agent-part.ts";
import type { ModelName } from "../../protocol/ids.ts";
import type { Deployment } from "../../protocol/trust/deployment.ts";
import { retryClass, type Refusal } from "../../protocol/trust/refusal.ts";
import { unreachable } from "../../protocol/unreachable.ts";
import { isRetried } from "./poison.ts";
import { fallbackOf, sameWish, type SlotState } from "./state.ts";

/** The gates at which mates wait for each other, in order; a slot counts as having reached all before its own. */
export const GATES = ["under way", "verified", "ready", "soaked"] as const;
export type Gate = (typeof GATES)[number];

/** What a slot knows of those that change with it. */
export interface Mates {
  /** The gate that every one of them has reached; `soaked` where there is none. */
  readonly all: Gate;
  /** One that failed for good, and why. */
  readonly failed: { readonly slot: ModelName; readonly refusal: Refusal } | undefined;
  /** One that is not done answers, or will answer after a boot, with what it had before. */
  readonly isOneFormer: boolean;
}

const NO_MATES: Mates = { all: "soaked", failed: undefined, isOneFormer: false };

export type SlotStates = ReadonlyMap<ModelName, SlotState>;

export function matesOf(slot: ModelName, states: SlotStates): Mates {
  if (slot === AGENT_NAME) return { ...NO_MATES, all: isOneBusy(states) ? "verified" : "soaked" };
  let mates = NO_MATES;
  for (const name of matesNamed(slot, states)) {
    const state = states.get(name);
    if (state === undefined) continue;
    const reached = gateOf(state);
    const all = isAtLeast(mates.all, reached) ? reached : mates.all;
    const refusal = finalRefusal(state);
    const failed = mates.failed ?? (refusal === undefined ? undefined : { slot: name, refusal });
    const isFormer = state.phase !== "idle" && state.phase !== "committed" && fallbackOf(state) !== null;
    mates = { all, failed, isOneFormer: mates.isOneFormer || isFormer };
  }
  return mates;
}

/** The agent is exchanged when no model is on its way to traffic: its end would end that too. */
function isOneBusy(states: SlotStates): boolean {
  return [...states].some(([name, { phase }]) => name !== AGENT_NAME && BUSY.has(phase));
}

const BUSY: ReadonlySet<SlotState["phase"]> = new Set(["qualifying", "ready", "activating", "soaking"]);

/** The other slots of its group. The agent changes by itself: models are not made for one version of it. */
export function matesNamed(slot: ModelName, states: SlotStates): ModelName[] {
  const seq = seqOf(states.get(slot));
  if (seq === undefined || slot === AGENT_NAME) return [];
  return [...states]
    .filter(([name, state]) => name !== slot && name !== AGENT_NAME && seqOf(state) === seq)
    .map(([name]) => name);
}

export function isAtLeast(gate: Gate, wanted: Gate): boolean {
  return GATES.indexOf(gate) >= GATES.indexOf(wanted);
}

/**
 * The group in which each slot's wish stands when this deployment comes. A group of which nothing has changed goes on
 * as it is. Where one slot's wish is another, gone, or to be tried again, all of the group that is not done yet joins
 * the deployment: what was to change together is wished in another combination.
 */
export function groupsUnder(states: SlotStates, { seq, slots }: Deployment): ReadonlyMap<ModelName, number> {
  const wishes = new Map(slots.map((wish) => [wish.slot, wish]));
  const broken = new Set<number>();
  for (const [name, state] of states) {
    if (state.phase === "idle") continue;
    const wish = wishes.get(name);
    if (wish === undefined || !sameWish(wish, state.wish) || isRetried(state.wish, wish)) broken.add(state.seq);
  }
  const groupOf = (name: ModelName) => {
    const former = seqOf(states.get(name));
    return former === undefined || broken.has(former) ? seq : former;
  };
  return new Map(slots.map(({ slot }) => [slot, groupOf(slot)]));
}

function seqOf(state: SlotState | undefined): number | undefined {
  return state === undefined || state.phase === "idle" ? undefined : state.seq;
}

function gateOf(state: SlotState): Gate {
  switch (state.phase) {
    case "idle":
    case "committed":
      return "soaked";
    case "soaking":
      return state.hasPassed ? "soaked" : "ready";
    case "ready":
    case "activating":
      return "ready";
    case "verified":
    case "qualifying":
      return "verified";
    case "waiting":
    case "transferring":
    case "verifying":
    case "failed":
    case "rolled-back":
      return "under way";
    default:
      return unreachable(state);
  }
}

/** What was held back for a mate's sake is no cause of its own. */
function finalRefusal(state: SlotState): Refusal | undefined {
  if (state.phase === "failed") return state.refusal.code === "slot-mate" ? undefined : state.refusal;
  const isFinal = state.phase === "rolled-back" && retryClass(state.refusal.code) === "final";
  return isFinal ? state.refusal : undefined;
}
