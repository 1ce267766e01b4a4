/** The update of one slot as data: pure and total. `run.ts` stores the next state, and only then does the effects. */
import type { Refusal } from "../../protocol/trust/refusal.ts";
import { unreachable } from "../../protocol/unreachable.ts";
import { holdBack, leaving, qualified, refuse, start, throughGate, verified, verify, type Wishing } from "./attempt.ts";
import { isRetried } from "./poison.ts";
import { boot, lose, notRestored, restored } from "./recover.ts";
import { cancelling, stay, type SlotEvent, type Step, type Surroundings } from "./slot-event.ts";
import { beginSoak, soakMsOf, tickSoak, watch } from "./soak.ts";
import { EMPTY_SLOT, fallbackOf, isActive, isWorking, sameWish, type SlotState, type WishingState } from "./state.ts";

/** Every event has an answer in every phase; one that says nothing here leaves the state as it is. */
export function transition(state: SlotState, event: SlotEvent, around: Surroundings): Step {
  switch (event.kind) {
    case "booted":
      return boot(state, around);
    case "desired":
      return desire(state, { wish: event.wish, seq: event.seq, tries: 0 }, around);
    case "undesired":
      return state.phase === "idle" ? stay(state) : empty(state);
    case "transferred":
      if (state.phase !== "transferring" || state.work !== event.work) return stay(state);
      return verify(state, "archive", around);
    case "verified":
      if (state.phase !== "verifying" || state.work !== event.work) return stay(state);
      return verified(state, around);
    case "qualified":
      // The runner of an attempt that has been given up must not linger.
      if (state.phase !== "qualifying" || state.work !== event.work) return stay(state, [cancelling(event.work)]);
      return qualified(state, around);
    case "activated":
      if (state.phase === "activating" && state.work === event.work) {
        return beginSoak(state, event.bundle, event.traffic, around);
      }
      // Something else is wished by now: what stands by has the traffic back before anything else happens to it.
      return stay(state, [{ kind: "turn-back", from: event.bundle, to: fallbackOf(state) }]);
    case "refused":
      if (!isWorking(state) || state.work !== event.work) return stay(state);
      return refuse(state, event.refusal, around);
    case "observed":
      return state.phase === "soaking" ? watch(state, event.observation, around) : stay(state);
    case "lost":
      return lose(state, event.statement, event.refusal, around);
    case "restored":
      return restored(state, event.bundle);
    case "not-restored":
      return notRestored(state, event.bundle, event.refusal);
    case "ticked":
      return tick(state, around);
    default:
      return unreachable(event);
  }
}

function desire(state: SlotState, wishing: Wishing, around: Surroundings): Step {
  const { wish, seq } = wishing;
  if (state.phase === "idle" || !sameWish(state.wish, wish)) return start(state, wishing, around);
  switch (state.phase) {
    case "waiting":
      return start(state, { ...wishing, tries: state.tries }, around);
    case "committed":
      return isActive(state, wish) ? stay(state) : start(state, wishing, around);
    case "failed":
    case "rolled-back":
      return isDue(state, wishing, around) ? start(state, wishing, around) : stay(state);
    case "soaking":
      if (seq !== state.seq) return start(state, wishing, around);
      return state.untilMs === null ? stay({ ...state, wish, untilMs: around.nowMs + soakMsOf(wish) }) : stay(state);
    default: {
      const isSame = seq === state.seq && soakMsOf(wish) === soakMsOf(state.wish) && !isRetried(state.wish, wish);
      return stay(isSame ? state : { ...state, wish, seq });
    }
  }
}

type RefusedState = Extract<WishingState, { phase: "failed" | "rolled-back" }>;

/** Whether a wish that was refused, and is wished again, gets another try. */
function isDue(state: RefusedState, { wish, seq }: Wishing, { nowMs }: Surroundings): boolean {
  if (isRetried(state.wish, wish) || state.retryAtMs === null) return true;
  if (isHeldBack(state.refusal)) return seq !== state.seq;
  return nowMs >= state.retryAtMs;
}

function tick(state: SlotState, around: Surroundings): Step {
  const { nowMs, mates } = around;
  if (state.phase === "soaking") return tickSoak(state, around);
  if (isWorking(state)) {
    // While the traffic is being turned over it is too late to stay away; the soak turns back.
    if (mates.failed !== undefined && state.phase !== "activating") return holdBack(state, mates.failed, around);
    if (nowMs < state.deadlineMs) return throughGate(state, around);
    const step = refuse(state, overdue(state.phase), around);
    // Whatever it still says belongs to an attempt that is over.
    return {
      ...step,
      next: { ...step.next, work: state.work + 1 },
      effects: [cancelling(state.work), ...step.effects],
    };
  }
  switch (state.phase) {
    case "waiting":
      if (mates.failed !== undefined) return holdBack(state, mates.failed, around);
      return again(state, state.tries, around);
    case "failed":
    case "rolled-back":
      if (!isHeldBack(state.refusal)) return again(state, 0, around);
      return mates.failed === undefined && around.mayInstall
        ? start(state, { ...state, tries: 0 }, around)
        : stay(state);
    case "idle":
    case "committed":
      return stay(state);
    default:
      return unreachable(state);
  }
}

/** Another try when its time has come, if the device may install anything. */
function again(state: WishingState & { readonly retryAtMs: number | null }, tries: number, around: Surroundings): Step {
  const isTime = state.retryAtMs !== null && around.nowMs >= state.retryAtMs;
  return isTime && around.mayInstall ? start(state, { wish: state.wish, seq: state.seq, tries }, around) : stay(state);
}

function overdue(phase: string): Refusal {
  return { code: "deadline", message: `${phase} took longer than it may` };
}

function isHeldBack({ code }: Refusal): boolean {
  return code === "slot-mate";
}

function empty(state: SlotState): Step {
  const superseded = isWorking(state) ? leaving(state) : [];
  return { next: { ...EMPTY_SLOT, work: state.work + 1 }, effects: [...superseded, { kind: "clear" }] };
}
