/** One attempt at a wish, from its start to the moment it gets traffic; part of `transition.ts`. Pure. */
import { backoffMs } from "../../common/backoff.ts";
import type { DeployedSlot } from "../../protocol/trust/deployment.ts";
import { retryClass, type Refusal } from "../../protocol/trust/refusal.ts";
import {
  ACTIVATE_MS_MAX,
  DEADLINE_TRIES_MAX,
  QUALIFY_MS_MAX,
  READY_MS_MAX,
  RETRY,
  TRANSFER_MS_MAX,
  VERIFIED_MS_MAX,
  VERIFY_MS_MAX,
} from "./bounds.ts";
import { isAtLeast, type Mates } from "./mates.ts";
import { poisonOf, POISON_MS } from "./poison.ts";
import { cancelling, stay, type SlotEffect, type Step, type Surroundings } from "./slot-event.ts";
import {
  fallbackOf,
  heldAs,
  isActive,
  isLoaded,
  isWorking,
  keptOf,
  type SlotState,
  type WishingState,
  type WorkingState,
} from "./state.ts";

export interface Wishing {
  readonly wish: DeployedSlot;
  readonly seq: number;
  readonly tries: number;
}

/** A new attempt, by the shortest way there is. The newest wish supersedes whatever is under way. */
export function start(state: SlotState, wishing: Wishing, around: Surroundings): Step {
  const step = begin({ ...state, work: state.work + 1 }, wishing, around);
  return { ...step, effects: [...leaving(state), ...step.effects] };
}

/** What ends when another attempt, or none, takes the place of this state. */
export function leaving(state: SlotState): readonly SlotEffect[] {
  if (isWorking(state)) return [cancelling(state.work)];
  if (state.phase === "soaking") return [{ kind: "turn-back", from: state.candidate, to: fallbackOf(state) }];
  return [];
}

function begin(state: SlotState, { wish, seq, tries }: Wishing, around: Surroundings): Step {
  const wished = { ...keptOf(state), wish, seq };
  if (isActive(state, wish)) return stay({ phase: "committed", ...wished });
  const poison = poisonOf(around.poisons, wish, around.nowMs);
  if (poison !== undefined) {
    return stay({ phase: "failed", ...wished, refusal: poison.refusal, retryAtMs: poison.untilMs });
  }
  const working = { ...wished, tries };
  return around.held.has(wish.statement) ? verify(working, "held", around) : transfer(working, around);
}

type Underway = Pick<WorkingState, "active" | "lastKnownGood" | "work" | "wish" | "seq" | "tries">;

function transfer(state: Underway, { nowMs }: Surroundings): Step {
  const { wish, work } = state;
  return {
    next: { phase: "transferring", ...underwayOf(state), deadlineMs: nowMs + TRANSFER_MS_MAX },
    effects: [{ kind: "transfer", work, wish }],
  };
}

export function verify(state: Underway, source: "archive" | "held", { nowMs }: Surroundings): Step {
  const { wish, work } = state;
  return {
    next: { phase: "verifying", ...underwayOf(state), source, deadlineMs: nowMs + VERIFY_MS_MAX },
    effects: [{ kind: "verify", work, wish, source }],
  };
}

/** Its bytes are good: on to the runner as soon as those of its mates are. */
export function verified(state: WorkingState, around: Surroundings): Step {
  const deadlineMs = around.nowMs + VERIFIED_MS_MAX;
  return throughGate({ phase: "verified", ...underwayOf(state), deadlineMs }, around);
}

/** Its runner is good: on to the traffic as soon as those of its mates are. */
export function qualified(state: WorkingState, around: Surroundings): Step {
  return throughGate({ phase: "ready", ...underwayOf(state), deadlineMs: around.nowMs + READY_MS_MAX }, around);
}

/** Past the gate at which a slot waits for its mates, where they are there too. */
export function throughGate(state: WorkingState, around: Surroundings): Step {
  const { nowMs, mates } = around;
  const { wish, work } = state;
  if (state.phase === "verified" && isAtLeast(mates.all, "verified")) {
    if (isLoaded(state, wish)) return setParameters(state);
    return {
      next: { phase: "qualifying", ...underwayOf(state), deadlineMs: nowMs + QUALIFY_MS_MAX },
      effects: [{ kind: "qualify", work, wish }],
    };
  }
  if (state.phase === "ready" && isAtLeast(mates.all, "ready")) {
    return {
      next: { phase: "activating", ...underwayOf(state), deadlineMs: nowMs + ACTIVATE_MS_MAX },
      effects: [{ kind: "activate", work, wish }],
    };
  }
  return stay(state);
}

/** Its bytes answer already: only its parameters are others, and those are allowed. */
function setParameters(state: WorkingState): Step {
  const { active, lastKnownGood, work, wish, seq } = state;
  return stay({ phase: "committed", active: active && heldAs(active, wish), lastKnownGood, work, wish, seq });
}

/** The outcome of a refusal before the wish had any traffic. */
export function refuse(state: WorkingState, refusal: Refusal, around: Surroundings): Step {
  // The copy on disk is damaged and has been removed: the archive may still be good.
  if (state.phase === "verifying" && state.source === "held" && retryClass(refusal.code) === "fetch-again") {
    return transfer(state, around);
  }
  const tries = state.tries + 1;
  const isCostly = state.phase !== "transferring" && state.phase !== "verified";
  const isTooDear = refusal.code === "deadline" && isCostly && tries >= DEADLINE_TRIES_MAX;
  if (retryClass(refusal.code) === "passes" && !isTooDear) {
    const retryAtMs = around.nowMs + backoffMs(RETRY, state.tries, () => around.chance);
    return stay(wait({ ...state, tries }, retryAtMs, refusal), restoring(state));
  }
  return fail(state, refusal, around);
}

/** Refused for good: remembered beyond the next wish. */
export function fail(state: WishingState, refusal: Refusal, { nowMs }: Surroundings): Step {
  const { wish, seq } = state;
  const retryAtMs = nowMs + POISON_MS;
  return {
    next: { phase: "failed", ...keptOf(state), wish, seq, refusal, retryAtMs },
    effects: restoring(state),
    poison: { kind: "poison", poison: { wish, refusal, untilMs: retryAtMs } },
  };
}

/** Nothing is wrong with the bundle; it is looked at again when no mate is in the way any more. */
export function holdBack(state: WishingState, mate: NonNullable<Mates["failed"]>, { nowMs }: Surroundings): Step {
  const { wish, seq } = state;
  const next = { ...keptOf(state), wish, seq, refusal: mateRefusal(mate), retryAtMs: nowMs + POISON_MS };
  return stay({ phase: "failed", ...next }, leaving(state));
}

export function mateRefusal({ slot, refusal }: NonNullable<Mates["failed"]>): Refusal {
  const message = `Held back, because slot ${slot} of the same deployment failed: ${refusal.code}: ${refusal.message}`;
  return { code: "slot-mate", message: message.slice(0, 1_000) };
}

export function wait(
  state: WishingState & { readonly tries: number },
  retryAtMs: number | null,
  refusal: Refusal | null,
): SlotState {
  return { phase: "waiting", ...underwayOf(state), retryAtMs, refusal };
}

/** Where what was active was lost while the traffic was being turned over, the one before it answers. */
function restoring(state: WishingState): readonly SlotEffect[] {
  if (state.phase !== "activating" || state.active !== null || state.lastKnownGood === null) return [];
  return [{ kind: "restore", bundle: state.lastKnownGood }];
}

function underwayOf(state: Underway): Underway {
  const { wish, seq, tries } = state;
  return { ...keptOf(state), wish, seq, tries };
}
