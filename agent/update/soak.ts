/** From the first real request of a version to the commitment, or back; part of `transition.ts`. Pure. */
import { retryClass, type Refusal } from "../../protocol/trust/refusal.ts";
import type { SoakTraffic } from "../../protocol/trust/soak-traffic.ts";
import { mateRefusal } from "./attempt.ts";
import { ACTIVATE_MS_MAX, LOST_RETRY_MS, SOAK_MS_DEFAULT, SOAKED_MS_MAX } from "./bounds.ts";
import { isAtLeast } from "./mates.ts";
import { POISON_MS } from "./poison.ts";
import { probe, type SoakObservation } from "./probe.ts";
import { stay, type Step, type Surroundings } from "./slot-event.ts";
import {
  fallbackOf,
  heldAs,
  keptOf,
  type HeldBundle,
  type SoakingState,
  type WishingState,
  type WorkingState,
} from "./state.ts";
import type { DeployedSlot } from "../../protocol/trust/deployment.ts";

export function soakMsOf({ soakMs }: DeployedSlot): number {
  return soakMs ?? SOAK_MS_DEFAULT;
}

/** The candidate has the traffic, or `traffic` beside what answers. */
export function beginSoak(
  state: WorkingState,
  candidate: HeldBundle,
  traffic: SoakTraffic | undefined,
  around: Surroundings,
): Step {
  const { wish, seq, tries } = state;
  const soakMs = soakMsOf(wish);
  const soak = {
    candidate: heldAs(candidate, wish),
    untilMs: around.nowMs + soakMs,
    hasPassed: false,
    ...(traffic && { traffic }),
  };
  const next = { phase: "soaking", ...keptOf(state), wish, seq, tries, ...soak } as const;
  return soakMs === 0 ? pass(next, around) : stay(next);
}

/** Looks at what has been observed so far. */
export function watch(state: SoakingState, seen: SoakObservation, around: Surroundings): Step {
  const { nowMs, mates } = around;
  if (mates.failed !== undefined) return rollBack(state, mateRefusal(mates.failed), around);
  const verdict = probe(seen, { soakMs: soakMsOf(state.wish), untilMs: state.untilMs }, nowMs);
  if (verdict.kind === "fail") return rollBack(state, verdict.refusal, around);
  return verdict.kind === "pass" ? pass(state, around) : stay(state);
}

/** A mate has moved, or time has passed. */
export function tickSoak(state: SoakingState, around: Surroundings): Step {
  const { nowMs, mates } = around;
  if (mates.failed !== undefined) return rollBack(state, mateRefusal(mates.failed), around);
  if (state.untilMs === null) return stay(state);
  if (!state.hasPassed)
    return nowMs < unwatchedMs(state, state.untilMs) ? stay(state) : rollBack(state, UNWATCHED, around);
  if (nowMs < state.untilMs + SOAKED_MS_MAX) return pass(state, around);
  const hours = SOAKED_MS_MAX / 3_600_000;
  const message = `Good by itself, but the slots of the same deployment were not, ${hours} hours after its own soak`;
  return rollBack(state, { code: "deadline", message }, around);
}

/** After the time that doubt may take, and what the engine may: from here on nobody can say how it does. */
function unwatchedMs({ wish }: SoakingState, untilMs: number): number {
  return untilMs + soakMsOf(wish) + ACTIVATE_MS_MAX;
}

const UNWATCHED: Refusal = {
  code: "deadline",
  message: "The soak is over, but the engine says nothing of the version",
};

/** Commits when all mates have passed too: `hasPassed` is on disk before any of them commits, so a boot can go on. */
function pass(state: SoakingState, { mates }: Surroundings): Step {
  if (isAtLeast(mates.all, "soaked")) return commit(state);
  return stay(state.hasPassed ? state : { ...state, hasPassed: true });
}

export function commit(state: SoakingState): Step {
  const { candidate, wish, seq, work } = state;
  const former = state.active?.statement === candidate.statement ? null : state.active;
  const kept = { active: candidate, lastKnownGood: former ?? without(state.lastKnownGood, candidate), work };
  return {
    next: { phase: "committed", ...kept, wish, seq },
    effects: [{ kind: "release" }],
    poison: { kind: "absolve", wish },
  };
}

/** The traffic goes back to what stands by, or stays with what answered beside it. */
export function rollBack(state: SoakingState, refusal: Refusal, around: Surroundings): Step {
  const to = fallbackOf(state);
  const message = to === null ? `${refusal.message}. Nothing served the slot before, so nothing serves it.` : undefined;
  const told = message === undefined ? refusal : { ...refusal, message: message.slice(0, 1_000) };
  const step = giveUp(state, told, around);
  return { ...step, effects: [{ kind: "turn-back", from: state.candidate, to }] };
}

/** A wish that has answered and does not any more: tried again, or remembered, by the class of the refusal. */
export function giveUp(state: WishingState, refusal: Refusal, { nowMs }: Surroundings): Step {
  const { wish, seq } = state;
  const isFinal = retryClass(refusal.code) === "final";
  const retryAtMs = nowMs + (isFinal ? POISON_MS : LOST_RETRY_MS);
  const step = stay({ phase: "rolled-back", ...keptOf(state), wish, seq, refusal, retryAtMs });
  return isFinal ? { ...step, poison: { kind: "poison", poison: { wish, refusal, untilMs: retryAtMs } } } : step;
}

export function without(bundle: HeldBundle | null, gone: { readonly statement: string }): HeldBundle | null {
  return bundle?.statement === gone.statement ? null : bundle;
}
