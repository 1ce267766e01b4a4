/** The update of one slot as data: pure and total. `run.ts` stores the next state, and only then does the effects. */
import { backoffMs, type BackoffPolicy } from "../../common/backoff.ts";
import type { StatementDigest } from "../../protocol/ids.ts";
import type { DeployedSlot } from "../../protocol/trust/deployment.ts";
import { mayPass, type Refusal } from "../../protocol/trust/refusal.ts";
import { unreachable } from "../../protocol/unreachable.ts";
import { EMPTY_SLOT, isWorking, sameWish, type HeldBundle, type SlotState, type WorkingState } from "./state.ts";

export type SlotEvent =
  /** The agent starts: whatever was under way is not any more. */
  | { readonly kind: "booted" }
  /** An accepted, fresh deployment wishes this. */
  | { readonly kind: "desired"; readonly wish: DeployedSlot }
  /** An accepted, fresh deployment does not name the slot. */
  | { readonly kind: "undesired" }
  | { readonly kind: "transferred"; readonly work: number }
  | { readonly kind: "verified"; readonly work: number }
  | { readonly kind: "qualified"; readonly work: number }
  /** The traffic of the slot has been turned over to this bundle. */
  | { readonly kind: "activated"; readonly bundle: HeldBundle }
  | { readonly kind: "refused"; readonly work: number; readonly refusal: Refusal }
  /** After a boot, without any deployment: a committed bundle answers again, or cannot. */
  | { readonly kind: "restored"; readonly bundle: HeldBundle }
  | { readonly kind: "not-restored"; readonly bundle: HeldBundle; readonly refusal: Refusal }
  /** Time has passed. */
  | { readonly kind: "ticked" };

export type SlotEffect =
  | { readonly kind: "transfer"; readonly work: number; readonly wish: DeployedSlot }
  | {
      readonly kind: "verify";
      readonly work: number;
      readonly wish: DeployedSlot;
      readonly source: "archive" | "held";
    }
  | { readonly kind: "qualify"; readonly work: number; readonly wish: DeployedSlot }
  | { readonly kind: "activate"; readonly work: number; readonly wish: DeployedSlot }
  /** Stop what this attempt is doing, and end its runner if it has one without traffic. */
  | { readonly kind: "cancel"; readonly work: number }
  /** Stop serving the slot. */
  | { readonly kind: "clear" }
  | { readonly kind: "restore"; readonly bundle: HeldBundle };

/** What the decision depends on besides state and event. */
export interface Surroundings {
  /** Trusted time, milliseconds since 1970. */
  readonly nowMs: number;
  /** The device is fresh, and neither its deployment nor its root has expired. */
  readonly mayInstall: boolean;
  /** Verified bundles on this device's disk. */
  readonly held: ReadonlySet<StatementDigest>;
  /** In [0, 1): spreads the retries of a fleet. */
  readonly chance: number;
}

export interface Step {
  readonly next: SlotState;
  readonly effects: readonly SlotEffect[];
}

/** 4 GiB at 50 kB/s take 24 hours. A transfer that is tried again goes on from what it has. */
export const TRANSFER_MS_MAX = 24 * 3_600_000;
/** 4 GiB read, written and read again at the 5 MB/s of a worn memory card take 45 minutes. */
export const VERIFY_MS_MAX = 3_600_000;
/** Loading takes a minute on a small board with a compiling provider; 256 golden cases of a second each take five. */
export const QUALIFY_MS_MAX = 600_000;
/** Turning over waits for what the former version has begun, which itself has a deadline of at most a minute. */
export const ACTIVATE_MS_MAX = 120_000;
/** How long a refusal for good is remembered: a publisher or operator who changed nothing gets one try a day. */
export const FAILED_MS = 24 * 3_600_000;
/** Between attempts: soon for a hiccup, every quarter of an hour for a full disk, which costs one look at it. */
export const RETRY: BackoffPolicy = { firstMs: 2_000, mostMs: 900_000 };
/** Checking or qualifying that exceeds its time costs the device its processor: it is not repeated for ever. */
export const DEADLINE_TRIES_MAX = 3;

/** Every event has an answer in every phase; one that says nothing here leaves the state as it is. */
export function transition(state: SlotState, event: SlotEvent, around: Surroundings): Step {
  switch (event.kind) {
    case "booted":
      return boot(state);
    case "desired":
      return desire(state, event.wish, around);
    case "undesired":
      return state.phase === "idle" ? stay(state) : empty(state);
    case "transferred":
      if (state.phase !== "transferring" || state.work !== event.work) return stay(state);
      return verify(state, state.wish, state.tries, "archive", around);
    case "verified":
      if (state.phase !== "verifying" || state.work !== event.work) return stay(state);
      return qualify(state, around);
    case "qualified":
      // The runner of an attempt that has been given up must not linger.
      if (state.phase !== "qualifying" || state.work !== event.work) return stay(state, [cancelling(event.work)]);
      return activate(state, around);
    case "activated":
      return activated(state, event.bundle, around);
    case "refused":
      if (!isWorking(state) || state.work !== event.work) return stay(state);
      return refuse(state, event.refusal, around);
    case "restored":
      if (state.phase === "idle") return stay(state, [{ kind: "clear" }]);
      return stay({
        ...state,
        active: event.bundle,
        lastKnownGood: without(state.lastKnownGood, event.bundle),
      });
    case "not-restored":
      return notRestored(state, event.bundle, event.refusal);
    case "ticked":
      return tick(state, around);
    default:
      return unreachable(event);
  }
}

/** What was under way waits for a fresh deployment; what answered answers again at once, without one. */
function boot(state: SlotState): Step {
  const first = state.active ?? state.lastKnownGood;
  const effects: SlotEffect[] = first === null ? [] : [{ kind: "restore", bundle: first }];
  if (!isWorking(state) && state.phase !== "waiting") return { next: state, effects };
  const refusal = state.phase === "waiting" ? state.refusal : null;
  return { next: wait(state, state.wish, state.tries, null, refusal), effects };
}

function desire(state: SlotState, wish: DeployedSlot, around: Surroundings): Step {
  if (state.phase === "idle") return start(state, wish, 0, around);
  if (!sameWish(state.wish, wish)) return start(state, wish, 0, around);
  switch (state.phase) {
    case "waiting":
      return start(state, wish, state.tries, around);
    case "committed":
      return isActive(state, wish) ? stay(state) : start(state, wish, 0, around);
    case "failed":
      return around.nowMs >= state.retryAtMs ? start(state, wish, 0, around) : stay(state);
    default:
      return stay(state);
  }
}

/** A new attempt, by the shortest way there is. The newest wish supersedes whatever is under way. */
function start(state: SlotState, wish: DeployedSlot, tries: number, around: Surroundings): Step {
  const superseded = isWorking(state) ? [cancelling(state.work)] : [];
  const step = begin({ ...state, work: state.work + 1 }, wish, tries, around);
  return { ...step, effects: [...superseded, ...step.effects] };
}

function begin(state: SlotState, wish: DeployedSlot, tries: number, around: Surroundings): Step {
  // While the traffic is being turned over, what was active will not be: going back to it takes the whole way.
  if (isActive(state, wish) && state.phase !== "activating") {
    return stay({ phase: "committed", ...keptOf(state), wish });
  }
  if (around.held.has(wish.statement)) return verify(state, wish, tries, "held", around);
  return transfer(state, wish, tries, around);
}

function transfer(state: SlotState, wish: DeployedSlot, tries: number, { nowMs }: Surroundings): Step {
  return {
    next: { phase: "transferring", ...keptOf(state), wish, tries, deadlineMs: nowMs + TRANSFER_MS_MAX },
    effects: [{ kind: "transfer", work: state.work, wish }],
  };
}

function verify(
  state: SlotState,
  wish: DeployedSlot,
  tries: number,
  source: "archive" | "held",
  { nowMs }: Surroundings,
): Step {
  return {
    next: { phase: "verifying", ...keptOf(state), wish, tries, source, deadlineMs: nowMs + VERIFY_MS_MAX },
    effects: [{ kind: "verify", work: state.work, wish, source }],
  };
}

function qualify(state: WorkingState, { nowMs }: Surroundings): Step {
  const { wish, tries, work } = state;
  return {
    next: { phase: "qualifying", ...keptOf(state), wish, tries, deadlineMs: nowMs + QUALIFY_MS_MAX },
    effects: [{ kind: "qualify", work, wish }],
  };
}

function activate(state: WorkingState, { nowMs }: Surroundings): Step {
  const { wish, tries, work } = state;
  return {
    next: { phase: "activating", ...keptOf(state), wish, tries, deadlineMs: nowMs + ACTIVATE_MS_MAX },
    effects: [{ kind: "activate", work, wish }],
  };
}

/** The engine has spoken: this holds in every phase, even where the wish has changed while it turned over. */
function activated(state: SlotState, bundle: HeldBundle, around: Surroundings): Step {
  if (state.phase === "idle") return stay(state, [{ kind: "clear" }]);
  const former = state.active?.statement === bundle.statement ? state.lastKnownGood : state.active;
  const served = { ...state, active: bundle, lastKnownGood: former };
  if (isActive(served, served.wish)) {
    // An attempt at the very bundle that answers already has nothing left to do.
    const needless = isWorking(state) && state.phase !== "activating" ? [cancelling(state.work)] : [];
    return stay({ phase: "committed", ...keptOf(served), wish: served.wish }, needless);
  }
  return served.phase === "committed" ? start(served, served.wish, 0, around) : stay(served);
}

function refuse(state: WorkingState, refusal: Refusal, around: Surroundings): Step {
  const { wish } = state;
  // The copy on disk is damaged and has been removed: the archive may still be good.
  if (state.phase === "verifying" && state.source === "held" && DAMAGED.has(refusal.code)) {
    return transfer(state, wish, state.tries, around);
  }
  const tries = state.tries + 1;
  const isTooDear = refusal.code === "deadline" && state.phase !== "transferring" && tries >= DEADLINE_TRIES_MAX;
  if (mayPass(refusal.code) && !isTooDear) {
    const retryAtMs = around.nowMs + backoffMs(RETRY, state.tries, () => around.chance);
    return stay(wait(state, wish, tries, retryAtMs, refusal));
  }
  return stay({ phase: "failed", ...keptOf(state), wish, refusal, retryAtMs: around.nowMs + FAILED_MS });
}

const DAMAGED: ReadonlySet<Refusal["code"]> = new Set<Refusal["code"]>([
  "bundle-file-digest",
  "bundle-malformed",
  "bundle-unlisted-file",
]);

/** The next best bundle takes its place; the wish is tried again as soon as a fresh deployment confirms it. */
function notRestored(state: SlotState, bundle: HeldBundle, refusal: Refusal): Step {
  const kept = {
    ...state,
    active: without(state.active, bundle),
    lastKnownGood: without(state.lastKnownGood, bundle),
  };
  const fallback = kept.active ?? kept.lastKnownGood;
  const effects: SlotEffect[] = fallback === null ? [] : [{ kind: "restore", bundle: fallback }];
  if (kept.phase === "committed" && kept.wish.statement === bundle.statement) {
    return { next: wait(kept, kept.wish, 0, null, refusal), effects };
  }
  return { next: kept, effects };
}

function tick(state: SlotState, around: Surroundings): Step {
  if (isWorking(state)) {
    if (around.nowMs < state.deadlineMs) return stay(state);
    const step = refuse(state, { code: "deadline", message: `${state.phase} took longer than it may` }, around);
    // Whatever it still says belongs to an attempt that is over.
    return {
      next: { ...step.next, work: state.work + 1 },
      effects: [cancelling(state.work), ...step.effects],
    };
  }
  if (!around.mayInstall) return stay(state);
  if (state.phase === "waiting" && state.retryAtMs !== null && around.nowMs >= state.retryAtMs) {
    return start(state, state.wish, state.tries, around);
  }
  if (state.phase === "failed" && around.nowMs >= state.retryAtMs) return start(state, state.wish, 0, around);
  return stay(state);
}

function empty(state: SlotState): Step {
  const superseded = isWorking(state) ? [cancelling(state.work)] : [];
  return { next: { ...EMPTY_SLOT, work: state.work + 1 }, effects: [...superseded, { kind: "clear" }] };
}

function wait(
  state: SlotState,
  wish: DeployedSlot,
  tries: number,
  retryAtMs: number | null,
  refusal: Refusal | null,
): SlotState {
  return { phase: "waiting", ...keptOf(state), wish, tries, retryAtMs, refusal };
}

function keptOf({ active, lastKnownGood, work }: SlotState): Pick<SlotState, "active" | "lastKnownGood" | "work"> {
  return { active, lastKnownGood, work };
}

/** The label must agree too: a deployment that calls the bundle by another name is checked, and refused, as a whole. */
function isActive({ active }: SlotState, wish: DeployedSlot): boolean {
  return active?.statement === wish.statement && active.model === wish.model && active.version === wish.version;
}

function without(bundle: HeldBundle | null, gone: HeldBundle): HeldBundle | null {
  return bundle?.statement === gone.statement ? null : bundle;
}

function cancelling(work: number): SlotEffect {
  return { kind: "cancel", work };
}

function stay(next: SlotState, effects: readonly SlotEffect[] = []): Step {
  return { next, effects };
}
