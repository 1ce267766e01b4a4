/**
 * What `agent/update/run.ts` does, in virtual time: the real transition, the next state stored first, then its effects,
 * whose outcome is the next event. One lives as long as the process does; the disk and what it holds live on.
 */
import type { ModelName, StatementDigest } from "../../protocol/ids.ts";
import type { Deployment, DeployedSlot } from "../../protocol/trust/deployment.ts";
import type { Refusal } from "../../protocol/trust/refusal.ts";
import { unreachable } from "../../protocol/unreachable.ts";
import { groupsUnder, matesNamed, matesOf } from "../../agent/update/mates.ts";
import { poisonsAfter } from "../../agent/update/poison.ts";
import type { SlotEffect, SlotEvent, Step, Surroundings } from "../../agent/update/slot-event.ts";
import { soakMsOf } from "../../agent/update/soak.ts";
import { EMPTY_SLOT, isSettled, isWorking, refusalOfState, wishOf, type SlotState } from "../../agent/update/state.ts";
import { transition } from "../../agent/update/transition.ts";
import { checkModel } from "../../agent/update/verify-bundle.ts";
import { between } from "./random.ts";
import type { VirtualBundle } from "./virtual-bundle.ts";
import { DiskFull, type VirtualDisk } from "./virtual-disk.ts";
import type { VirtualEngine } from "./virtual-engine.ts";
import type { ArchiveReceiver } from "./virtual-receiver.ts";
import { createTraffic, refusedModel, TRAITS } from "./virtual-traffic.ts";

export interface UpdaterPorts {
  readonly disk: VirtualDisk;
  readonly engine: VirtualEngine;
  readonly receiver: ArchiveReceiver;
  /** Whatever was ever published, by its statement: the archive that the controller sends. */
  readonly bundleOf: (statement: StatementDigest) => VirtualBundle | undefined;
  readonly trust: { readonly nowMs: () => number; readonly mayInstall: () => boolean };
  readonly random: () => number;
  /** Calls back in virtual time, unless the power has gone meanwhile. */
  readonly after: (ms: number, act: () => void) => void;
  readonly onChange: (slot: ModelName, event: SlotEvent, before: SlotState, after: SlotState) => void;
}

export interface VirtualUpdater {
  readonly apply: (deployment: Deployment) => void;
  /** The trusted time or the permission to install has changed. */
  readonly lookAgain: () => void;
  /** The runner of what answers has ended, and its files have changed. */
  readonly lose: (slot: ModelName, statement: StatementDigest, refusal: Refusal) => void;
  /** The traffic of the slot is being changed. */
  readonly isBusy: (slot: ModelName) => boolean;
}

/** How soon a write of the state is tried again, and how often deadlines are looked at, as the real one does. */
const STORE_AGAIN_MS = 5_000;
const TICK_MS = 1_000;
/** Less often than the real one looks at a version that soaks; the verdicts are the same. */
const OBSERVE_MS = 2_000;

interface Attempt {
  readonly work: number;
  isOver: boolean;
}

type Outcome = Refusal | "transferred" | "verified" | "qualified";

export function createUpdater(ports: UpdaterPorts): VirtualUpdater {
  const { disk, engine, receiver, random, after, trust } = ports;
  const traffic = createTraffic({ disk, engine, random, after, dispatch });
  const attempts = new Map<ModelName, Attempt>();
  /** Slots whose newest wish could not be stored yet. */
  const behind = new Set<ModelName>();
  /** Slots of which the disk does not know yet that the process has begun anew. */
  const unbooted = new Set(disk.slots.keys());
  let isRestored = false;
  let newest: Deployment | undefined;
  /** When the next tick is due, so that there is one waiting and not a thousand. */
  let tickAtMs = Infinity;

  function dispatch(slot: ModelName, event: SlotEvent): void {
    if (unbooted.has(slot) && event.kind === "ticked") return;
    const before = disk.slots.get(slot) ?? EMPTY_SLOT;
    const step = transition(before, event, surroundings(slot));
    const { next } = step;
    const isStored = next === before || save(slot, step);
    if (event.kind === "desired" || event.kind === "undesired") noteWish(slot, isStored);
    else if (!isStored) again(slot, event);
    if (!isStored) return;
    for (const effect of step.effects) perform(slot, effect);
    if (next === before) return;
    if (!isWorking(next)) cancel(slot, attempts.get(slot)?.work ?? 0);
    ports.onChange(slot, event, before, next);
    if (isSettled(next)) tidy(before);
    if (next.phase === "soaking" && before.phase !== "soaking") observeSoon(slot, next.work);
    tickWhenDue(next);
    for (const mate of matesNamed(slot, disk.slots)) dispatch(mate, { kind: "ticked" });
  }

  /** What answered answers again, whether or not the disk takes the state that this leads to. */
  function boot(slot: ModelName, isFirst: boolean): void {
    const before = disk.slots.get(slot) ?? EMPTY_SLOT;
    const step = transition(before, { kind: "booted" }, surroundings(slot));
    if (isFirst) for (const effect of step.effects) perform(slot, effect);
    if (step.next !== before && !save(slot, step)) {
      after(STORE_AGAIN_MS, () => {
        boot(slot, false);
      });
      return;
    }
    unbooted.delete(slot);
    if (step.next !== before) ports.onChange(slot, { kind: "booted" }, before, step.next);
    if (unbooted.size === 0) goOn();
  }

  /** The whole deployment is on the disk as it stands after the boot. */
  function goOn(): void {
    for (const state of disk.slots.values()) {
      if (state.phase === "soaking") observeSoon(state.wish.slot, state.work);
    }
    tickAll();
    wishAsDeployed();
  }

  function surroundings(slot: ModelName): Surroundings {
    const mates = matesOf(slot, disk.slots);
    return {
      nowMs: trust.nowMs(),
      mayInstall: trust.mayInstall(),
      held: new Set(disk.bundles.keys()),
      chance: random(),
      mates: behind.size > 0 ? { ...mates, all: "under way" } : mates,
      poisons: disk.poisons,
    };
  }

  /** What could not be stored comes again. */
  function again(slot: ModelName, event: SlotEvent): void {
    if (event.kind === "ticked" || event.kind === "observed") tickAfter(STORE_AGAIN_MS);
    else {
      after(STORE_AGAIN_MS, () => {
        dispatch(slot, event);
      });
    }
  }

  /** A wish that could not be stored comes again as the newest deployment has it by then. */
  function noteWish(slot: ModelName, isStored: boolean): void {
    if (isStored) behind.delete(slot);
    else {
      behind.add(slot);
      after(STORE_AGAIN_MS, wishAsDeployed);
    }
  }

  function save(slot: ModelName, { next, poison }: Step): boolean {
    const poisons = poison === undefined ? disk.poisons : poisonsAfter(disk.poisons, poison, trust.nowMs());
    try {
      disk.save(() => {
        if (next.phase === "idle") disk.slots.delete(slot);
        else disk.slots.set(slot, next);
        raiseRollbackIndex(disk, next);
        disk.poisons = poisons;
      });
      return true;
    } catch (thrown) {
      if (thrown instanceof DiskFull) return false;
      throw thrown;
    }
  }

  function perform(slot: ModelName, effect: SlotEffect): void {
    switch (effect.kind) {
      case "transfer":
        transfer(slot, effect.work, effect.wish);
        break;
      case "verify":
        step(slot, effect.work, between(random, 100, 5_000), () => verify(effect.wish, effect.source));
        break;
      case "qualify":
        qualify(slot, effect.work, effect.wish);
        break;
      case "activate":
        traffic.activate(slot, effect.work, effect.wish);
        break;
      case "cancel":
        cancel(slot, effect.work);
        break;
      case "turn-back":
        traffic.turnBack(slot, effect.from, effect.to);
        break;
      case "release":
        traffic.release(slot);
        break;
      case "clear":
        traffic.clear(slot);
        break;
      case "restore":
        traffic.restore(slot, effect.bundle);
        break;
      default:
        unreachable(effect);
    }
  }

  function attemptOf(slot: ModelName, work: number): Attempt {
    const known = attempts.get(slot);
    if (known?.work === work) return known;
    const attempt = { work, isOver: false };
    attempts.set(slot, attempt);
    return attempt;
  }

  function cancel(slot: ModelName, work: number): void {
    const attempt = attempts.get(slot);
    if (attempt?.work !== work) return;
    attempt.isOver = true;
    attempts.delete(slot);
    receiver.cancel(slot);
  }

  /** One step of an attempt: its outcome is heard unless the attempt was given up meanwhile. */
  function step(slot: ModelName, work: number, ms: number, act: () => Outcome): void {
    const attempt = attemptOf(slot, work);
    after(ms, () => {
      if (!attempt.isOver) finish(slot, work, act());
    });
  }

  function finish(slot: ModelName, work: number, outcome: Outcome): void {
    if (typeof outcome === "string") dispatch(slot, { kind: outcome, work });
    else dispatch(slot, { kind: "refused", work, refusal: outcome });
  }

  function transfer(slot: ModelName, work: number, { archive }: DeployedSlot): void {
    const attempt = attemptOf(slot, work);
    if (disk.isFull) {
      step(slot, work, 10, () => ({ code: "disk-full", message: "no room for the archive" }));
      return;
    }
    receiver.fetch(slot, archive, (refusal) => {
      if (!attempt.isOver) finish(slot, work, refusal ?? "transferred");
    });
  }

  function verify(wish: DeployedSlot, source: "archive" | "held"): Outcome {
    const bundle = source === "held" ? disk.bundles.get(wish.statement) : ports.bundleOf(wish.statement);
    if (bundle === undefined) return { code: "bundle-malformed", message: "the bundle is not there" };
    if (bundle.behaviour.kind === "unsigned") return { code: "publisher-signature", message: "nobody signed it" };
    const rollbackIndex = disk.rollbackIndex.get(wish.model) ?? 0;
    const refusal = refusedModel(() => {
      checkModel(bundle.model, { wish, rollbackIndex, traits: TRAITS });
    });
    if (refusal !== undefined) return refusal;
    disk.bundles.set(wish.statement, bundle);
    disk.archives.delete(wish.archive.sha256);
    return "verified";
  }

  function qualify(slot: ModelName, work: number, wish: DeployedSlot): void {
    const bundle = disk.bundles.get(wish.statement);
    // Nothing comes of a runner that hangs: the deadline ends it.
    if (bundle?.behaviour.kind === "hangs") return void attemptOf(slot, work);
    step(slot, work, between(random, 500, 20_000), () => {
      if (bundle === undefined) return { code: "runner-crash", message: "the bundle of this attempt is gone" };
      return engine.qualify(bundle) ?? "qualified";
    });
  }

  /** While it soaks the candidate is looked at again and again. */
  function observeSoon(slot: ModelName, work: number): void {
    const state = disk.slots.get(slot);
    if (state?.phase !== "soaking" || state.work !== work) return;
    const restMs = (state.untilMs ?? Infinity) - trust.nowMs();
    after(restMs > 0 && restMs < OBSERVE_MS ? restMs : OBSERVE_MS, () => {
      observe(slot, work);
      observeSoon(slot, work);
    });
  }

  function observe(slot: ModelName, work: number): void {
    const state = disk.slots.get(slot);
    const seen = engine.observed(slot);
    if (state?.phase !== "soaking" || state.work !== work || seen?.statement !== state.candidate.statement) return;
    const budgetP95Ms = engine.newest(slot)?.model.budgets?.latencyP95Ms;
    dispatch(slot, { kind: "observed", observation: { ...seen, budgetP95Ms } });
  }

  function wishAsDeployed(): void {
    if (newest === undefined || !isRestored || unbooted.size > 0) return;
    const groups = groupsUnder(disk.slots, newest);
    for (const slot of [...disk.slots.keys()]) if (!groups.has(slot)) dispatch(slot, { kind: "undesired" });
    for (const wish of newest.slots) {
      dispatch(wish.slot, { kind: "desired", wish, seq: groups.get(wish.slot) ?? newest.seq });
    }
  }

  /** The rule of `tidy.ts`: active, last-known-good and what is on its way stay. */
  function tidy(before: SlotState): void {
    const states = [...disk.slots.values()];
    const wishes = states.filter(isStillWanted).map(wishOf);
    const archive = wishOf(before)?.archive.sha256;
    if (archive !== undefined && wishes.every((wish) => wish?.archive.sha256 !== archive))
      disk.archives.delete(archive);
    const kept = states.flatMap(({ active, lastKnownGood }) => [active?.statement, lastKnownGood?.statement]);
    const needed = new Set([...traffic.turningOver, ...kept, ...wishes.map((wish) => wish?.statement)]);
    for (const statement of disk.bundles.keys()) if (!needed.has(statement)) disk.bundles.delete(statement);
  }

  function tickWhenDue(state: SlotState): void {
    const dueMs = dueOf(state);
    if (dueMs !== undefined) tickAfter(Math.max(TICK_MS, dueMs - trust.nowMs()));
  }

  function tickAfter(ms: number): void {
    const atMs = trust.nowMs() + ms;
    if (atMs >= tickAtMs) return;
    tickAtMs = atMs;
    after(ms, () => {
      if (tickAtMs === atMs) tickAll();
    });
  }

  function tickAll(): void {
    tickAtMs = Infinity;
    for (const slot of [...disk.slots.keys()]) dispatch(slot, { kind: "ticked" });
    for (const state of disk.slots.values()) {
      const dueMs = dueOf(state);
      if (dueMs !== undefined && (dueMs > trust.nowMs() || isWorking(state))) tickWhenDue(state);
    }
  }

  for (const slot of [...disk.slots.keys()]) boot(slot, true);
  traffic.whenIdle(() => {
    isRestored = true;
    // What a power cut kept from being removed.
    tidy(EMPTY_SLOT);
    wishAsDeployed();
  });
  return {
    apply: (deployment) => {
      newest = deployment;
      wishAsDeployed();
    },
    lookAgain: () => {
      tickAll();
    },
    lose: (slot, statement, refusal) => {
      dispatch(slot, { kind: "lost", statement, refusal });
    },
    isBusy: (slot) => traffic.isBusy(slot),
  };
}

function dueOf(state: SlotState): number | undefined {
  if (isWorking(state)) return state.deadlineMs;
  if (state.phase === "soaking") return state.untilMs === null ? undefined : state.untilMs + soakMsOf(state.wish);
  return "retryAtMs" in state && state.retryAtMs !== null ? state.retryAtMs : undefined;
}

/** A bundle that was held back for a mate's sake is good, and goes on from the disk when the mate does. */
function isStillWanted(state: SlotState): boolean {
  return !isSettled(state) || refusalOfState(state)?.code === "slot-mate";
}

/** In the transaction of the state, as the real database has it. */
function raiseRollbackIndex(disk: VirtualDisk, { active }: SlotState): void {
  if (active === null) return;
  const known = disk.rollbackIndex.get(active.model) ?? 0;
  disk.rollbackIndex.set(active.model, Math.max(known, active.rollbackIndex));
}
