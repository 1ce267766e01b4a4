/** What a slot does when what answered is gone: after a boot, and when a runner cannot be kept up. Pure. */
import type { StatementDigest } from "../../protocol/ids.ts";
import type { Refusal } from "../../protocol/trust/refusal.ts";
import { wait } from "./attempt.ts";
import { LOST_RETRY_MS, SOAK_TRIES_MAX } from "./bounds.ts";
import { isAtLeast } from "./mates.ts";
import { stay, type SlotEffect, type Step, type Surroundings } from "./slot-event.ts";
import { commit, giveUp, rollBack, without } from "./soak.ts";
import { fallbackOf, isWorking, type HeldBundle, type SlotState, type SoakingState } from "./state.ts";

/** What was under way waits for a fresh deployment; what was good answers again at once, without one. */
export function boot(state: SlotState, around: Surroundings): Step {
  if (around.own !== undefined) return bootOwn(state, around.own.running);
  if (state.phase === "soaking") return bootSoaking(state, around);
  const first = fallbackOf(state);
  const effects = first === null ? [] : [restoring(first)];
  if (isWorking(state)) return { next: wait(state, null, null), effects };
  if (state.phase === "waiting") return { next: wait(state, null, state.refusal), effects };
  return { next: state, effects };
}

/**
 * Which version of the agent runs was decided by its launcher: nothing is brought back. A fresh deployment, which takes a
 * connection, begins the wish again, and what runs by then is asked whether it is well.
 */
function bootOwn(state: SlotState, running: StatementDigest | undefined): Step {
  if (state.phase === "soaking") return stay(wait(state, null, null));
  if (isWorking(state)) return stay(wait(state, null, null));
  if (state.phase === "waiting") return stay(wait(state, null, state.refusal));
  if (state.phase !== "committed" || state.active?.statement === running) return stay(state);
  // Somebody has put another version in its place.
  return stay(wait({ ...state, active: null, tries: 0 }, null, null));
}

/**
 * The former answers, not the candidate: what was being watched may be what brought the device down. Two exceptions.
 * Where all mates had passed, the commitment was decided, and some of them may have stored it. Where there is no former,
 * the candidate is all that can answer: it was verified and qualified, and goes on being watched; unless a mate goes back
 * to its own former, for a device that is not heard of again would serve a mix for good.
 */
function bootSoaking(state: SoakingState, around: Surroundings): Step {
  const { candidate } = state;
  if (state.hasPassed && isAtLeast(around.mates.all, "soaked")) {
    return { ...commit(state), effects: [restoring(candidate)] };
  }
  const former = fallbackOf(state);
  const effects = former === null ? [] : [restoring(former)];
  const tries = state.tries + 1;
  if (tries >= SOAK_TRIES_MAX) {
    const message = `The device or its agent ended ${tries} times while this version was tried or soaked`;
    return { ...rollBack(state, { code: "soak-interrupted", message }, around), effects };
  }
  if (former !== null || around.mates.isOneFormer) return { next: wait({ ...state, tries }, null, null), effects };
  const { traffic: _none, ...alone } = state;
  return { next: { ...alone, tries, untilMs: null, hasPassed: false }, effects: [restoring(candidate)] };
}

export function restored(state: SlotState, bundle: HeldBundle): Step {
  if (state.phase === "idle") return stay(state, [{ kind: "clear" }]);
  if (state.phase === "soaking" && state.candidate.statement === bundle.statement) return stay(state);
  // A candidate that was brought back and has been given up meanwhile was never good: it must not pass for that.
  const isGood = [state.active, state.lastKnownGood].some((good) => good?.statement === bundle.statement);
  if (!isGood) return stay(state, [{ kind: "turn-back", from: bundle, to: fallbackOf(state) }]);
  return stay({ ...state, active: bundle, lastKnownGood: without(state.lastKnownGood, bundle) });
}

/** The next best bundle takes its place; the wish is tried again as soon as a fresh deployment confirms it. */
export function notRestored(state: SlotState, bundle: HeldBundle, refusal: Refusal): Step {
  if (state.phase === "soaking" && state.candidate.statement === bundle.statement) {
    return { next: wait(state, null, refusal), effects: [fallingBack(state)] };
  }
  const kept = withoutIt(state, bundle);
  const effects = [fallingBack(kept)];
  if (kept.phase !== "committed" || kept.wish.statement !== bundle.statement) return { next: kept, effects };
  if (fallbackOf(kept) === null) return { next: wait({ ...kept, tries: 0 }, null, refusal), effects };
  const { phase: _phase, ...rest } = kept;
  return { next: { phase: "rolled-back", ...rest, refusal, retryAtMs: null }, effects };
}

/** What had the traffic has ended and cannot be started again. */
export function lose(state: SlotState, statement: StatementDigest, refusal: Refusal, around: Surroundings): Step {
  if (state.phase === "soaking" && state.candidate.statement === statement) return rollBack(state, refusal, around);
  if (state.active?.statement !== statement) return stay(state);
  const kept = withoutIt(state, { statement });
  // What gets the traffic next is on its way; should it not come, `refuse` and `rollBack` see to the fallback.
  if (kept.phase === "activating" || kept.phase === "soaking") return stay(kept);
  const effects = [fallingBack(kept)];
  if (kept.phase !== "committed" || kept.wish.statement !== statement) return { next: kept, effects };
  const step = giveUp(kept, refusal, around);
  if (fallbackOf(kept) !== null) return { ...step, effects };
  if (step.poison === undefined) {
    return { next: wait({ ...kept, tries: 0 }, around.nowMs + LOST_RETRY_MS, refusal), effects };
  }
  const { phase: _phase, ...rest } = kept;
  const retryAtMs = step.poison.kind === "poison" ? step.poison.poison.untilMs : around.nowMs;
  return { next: { phase: "failed", ...rest, refusal, retryAtMs }, effects, poison: step.poison };
}

function withoutIt(state: SlotState, gone: { readonly statement: StatementDigest }): SlotState {
  return { ...state, active: without(state.active, gone), lastKnownGood: without(state.lastKnownGood, gone) };
}

function fallingBack(state: SlotState): SlotEffect {
  const fallback = fallbackOf(state);
  return fallback === null ? { kind: "clear" } : restoring(fallback);
}

function restoring(bundle: HeldBundle): SlotEffect {
  return { kind: "restore", bundle };
}
