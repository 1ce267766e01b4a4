/** Takes events, stores the state that they lead to, and only then does what it asks for. */
import type { Clock } from "../../common/clock.ts";
import { messageOf } from "../../common/ferry-error.ts";
import type { Log } from "../../common/log.ts";
import { AGENT_NAME } from "../../protocol/bundle/agent-part.ts";
import type { ModelName, StatementDigest } from "../../protocol/ids.ts";
import type { Deployment } from "../../protocol/trust/deployment.ts";
import type { InferenceEngine, ObservedAgreement } from "../inference/inference-engine.ts";
import type { StateDatabase } from "../store/state-database.ts";
import { createAttempts } from "./attempts.ts";
import { openLane } from "./lane.ts";
import { groupsUnder, matesNamed, matesOf } from "./mates.ts";
import { createPerformer } from "./perform-effect.ts";
import type { Poison } from "./poison.ts";
import type { SoakObservation } from "./probe.ts";
import type { SlotEvent, Step, Surroundings } from "./slot-event.ts";
import { EMPTY_SLOT, isSettled, isWorking, wishOf, type SlotState } from "./state.ts";
import type { Fetched, StepPorts } from "./steps.ts";
import { openStoredSlots } from "./stored-slots.ts";
import { tidy } from "./tidy.ts";
import { openTraffic } from "./traffic.ts";
import { transition } from "./transition.ts";

export interface UpdatePorts extends StepPorts {
  readonly store: Pick<StateDatabase, "slots" | "poisons" | "saveSlot" | "removeSlot" | "keepCopy">;
  readonly engine: StepPorts["engine"] & Pick<InferenceEngine, "turnBack" | "clear" | "slots" | "observed" | "onLost">;
  /** Trusted time where there is one, else the system's. */
  readonly nowMs: () => number;
  /** The version of the agent that runs, where it came as a bundle. */
  readonly running?: () => StatementDigest | undefined;
  readonly mayInstall: () => boolean;
  /** After each change of a slot that was stored: for the report, and for telemetry. */
  readonly onChange: (change: SlotChange) => void;
  readonly clock: Clock;
  readonly log: Log;
}

export interface SlotChange {
  readonly slot: ModelName;
  readonly before: SlotState;
  readonly after: SlotState;
  readonly event: SlotEvent;
}

/** What the probe judges, and what a report says beside it. */
export interface SlotObservation extends SoakObservation {
  readonly agreement: ObservedAgreement;
}

export interface SlotProgress {
  readonly slot: ModelName;
  readonly state: SlotState;
  /** Bytes of the archive that are on disk, while it is on its way. */
  readonly doneBytes: number | undefined;
  /** How the archive of the present wish came, where this process fetched it. */
  readonly fetched?: Fetched | undefined;
  /** While soaking, where the candidate has traffic. */
  readonly observation: SlotObservation | undefined;
}

export interface Updater extends AsyncDisposable {
  /** Settles when every slot that answered before the restart answers again, or cannot. */
  readonly restored: Promise<void>;
  /** Makes an accepted, stored, fresh deployment the wish of every slot; it waits for `restored`. */
  readonly apply: (deployment: Deployment) => Promise<void>;
  readonly slots: () => readonly SlotProgress[];
  /** What each slot is to serve by now: asked for by what `slots` asks, so it asks nobody. */
  readonly wishes: () => ReadonlyMap<ModelName, StatementDigest | undefined>;
  /** What failed here for good, and is refused at once. */
  readonly poisons: () => readonly Poison[];
}

/** How late a deadline or a retry may be noticed. */
const TICK_MS = 1_000;
/** How late a version that soaks may be found bad, beside the milliseconds of turning back. */
const WATCH_MS = 250;
/** The database could not be written (a full disk): soon enough that a slot does not seem stuck. */
const STORE_AGAIN_MS = 5_000;

/** Opens with the stored states, and begins at once to bring back what answered before. */
export function openUpdater(ports: UpdatePorts): Updater {
  const { store, engine, clock, log } = ports;
  const closing = new AbortController();
  const stored = openStoredSlots(store, log);
  const states = stored.all;
  const attempts = createAttempts(engine, background);
  /** One bundle at a time is checked or qualified: a small board has one disk and few cores. */
  const heavy = openLane();
  const traffic = openTraffic({
    ...ports,
    heavy,
    attempts,
    dispatch,
    dispatchLater,
    background,
    closing: closing.signal,
  });
  const perform = createPerformer({
    ...ports,
    attempts,
    traffic,
    heavy,
    dispatch,
    background,
    onFetched: (slot, statement, how) => fetched.set(slot, { statement, ...how }),
  });
  /** Slots of which the disk does not know yet that this process has begun. */
  const unbooted = new Set(states.keys());
  /** Slots whose newest wish could not be stored yet. */
  const behind = new Set<ModelName>();
  /** Of each slot the last one; for the report alone, so that a restart may forget it. */
  const fetched = new Map<ModelName, Fetched & { readonly statement: StatementDigest }>();
  const running = new Set<Promise<void>>();
  let newest: Deployment | undefined;
  let isRestored = false;

  /** What was good answers again whether or not the disk takes the state that this leads to: a full one is no reason. */
  function boot(slot: ModelName, isFirst: boolean): void {
    if (closing.signal.aborted) return;
    const event = { kind: "booted" } as const;
    const before = states.get(slot) ?? EMPTY_SLOT;
    const step = transition(before, event, surroundings(slot));
    const { next } = step;
    if (isFirst) for (const effect of step.effects) perform(slot, effect);
    if (next !== before && !stored.save(slot, step, ports.nowMs())) {
      later(() => {
        boot(slot, false);
      }, STORE_AGAIN_MS);
      return;
    }
    unbooted.delete(slot);
    if (next !== before) ports.onChange({ slot, before, after: next, event });
    if (unbooted.size === 0 && isRestored) wishAsDeployed();
  }

  function dispatch(slot: ModelName, event: SlotEvent): void {
    if (closing.signal.aborted) return;
    // Of what an earlier process was doing, and of the time, nothing is known before the boot.
    if (unbooted.has(slot) && (event.kind === "ticked" || event.kind === "observed")) return;
    const before = states.get(slot) ?? EMPTY_SLOT;
    const step = transition(before, event, surroundings(slot));
    const { next } = step;
    const isStored = next === before || stored.save(slot, step, ports.nowMs());
    if (event.kind === "desired" || event.kind === "undesired") noteWish(slot, isStored);
    if (!isStored) {
      keepUp(slot, event, step);
      return;
    }
    for (const effect of step.effects) perform(slot, effect);
    if (next === before) return;
    if (next.phase === "idle") fetched.delete(slot);
    // A slot that is not on its way any more needs nothing of the attempt that led here.
    if (!isWorking(next)) attempts.cancel(slot, attempts.current(slot)?.work ?? 0);
    ports.onChange({ slot, before, after: next, event });
    if (isSettled(next)) tidyUp(before);
    for (const mate of matesNamed(slot, states)) dispatch(mate, { kind: "ticked" });
  }

  /**
   * Nothing is done that is not stored, with one exception: what does badly loses its traffic. That is where a boot would
   * put it too, as long as its state says that it soaks.
   */
  function keepUp(slot: ModelName, event: SlotEvent, { next, effects }: Step): void {
    const isBad = next.phase === "rolled-back";
    if (isBad) for (const effect of effects.filter(({ kind }) => kind === "turn-back")) perform(slot, effect);
    const comesByItself = event.kind === "ticked" || (event.kind === "observed" && !isBad);
    if (comesByItself || event.kind === "desired" || event.kind === "undesired") return;
    dispatchLater(slot, event, STORE_AGAIN_MS);
  }

  /** A wish that could not be stored comes again as the newest deployment has it by then. */
  function noteWish(slot: ModelName, isStored: boolean): void {
    if (isStored) behind.delete(slot);
    else {
      behind.add(slot);
      later(wishAsDeployed, STORE_AGAIN_MS);
    }
  }

  function tidyUp(before: SlotState): void {
    background(tidy(ports, before, [...states.values()], traffic.turningOver));
  }

  function surroundings(slot: ModelName): Surroundings {
    const mates = matesOf(slot, states);
    return {
      nowMs: ports.nowMs(),
      mayInstall: ports.mayInstall(),
      held: ports.bundles.held(),
      chance: Math.random(),
      // Until the disk has the whole deployment, none of its slots goes through a gate.
      mates: behind.size > 0 ? { ...mates, all: "under way" } : mates,
      poisons: stored.poisons(),
      ...(slot === AGENT_NAME ? { own: { running: ports.running?.() } } : {}),
    };
  }

  function fetchedOf(slot: ModelName, state: SlotState): Fetched | undefined {
    const last = fetched.get(slot);
    return last?.statement === wishOf(state)?.statement ? last : undefined;
  }

  function background(work: Promise<unknown>): void {
    const settled = work.then(
      () => undefined,
      (thrown: unknown) => {
        if (!closing.signal.aborted) log.error({ error: messageOf(thrown) }, "a step of an update failed");
      },
    );
    running.add(settled);
    void settled.finally(() => running.delete(settled));
  }

  function dispatchLater(slot: ModelName, event: SlotEvent, afterMs: number): void {
    later(() => {
      dispatch(slot, event);
    }, afterMs);
  }

  function later(act: () => void, afterMs: number): void {
    background(clock.sleep(afterMs, closing.signal).then(act));
  }

  function wishAsDeployed(): void {
    if (newest === undefined || unbooted.size > 0) return;
    const groups = groupsUnder(states, newest);
    for (const slot of [...states.keys()]) if (!groups.has(slot)) dispatch(slot, { kind: "undesired" });
    for (const wish of newest.slots) {
      dispatch(wish.slot, { kind: "desired", wish, seq: groups.get(wish.slot) ?? newest.seq });
    }
  }

  async function keepTicking(): Promise<void> {
    while (!closing.signal.aborted) {
      await clock.sleep(TICK_MS, closing.signal);
      for (const slot of [...states.keys()]) dispatch(slot, { kind: "ticked" });
    }
  }

  async function keepWatching(): Promise<void> {
    while (!closing.signal.aborted) {
      await clock.sleep(WATCH_MS, closing.signal);
      for (const [slot, state] of [...states]) {
        const observation = observationOf(slot, state);
        if (observation !== undefined) dispatch(slot, { kind: "observed", observation });
      }
    }
  }

  function observationOf(slot: ModelName, state: SlotState): SlotObservation | undefined {
    const observed = state.phase === "soaking" ? engine.observed(slot) : undefined;
    if (state.phase !== "soaking" || observed?.statement !== state.candidate.statement) return undefined;
    const served = engine.slots().find((one) => one.slot === slot);
    return { ...observed, budgetP95Ms: (served?.trial ?? served)?.bundle.model.budgets?.latencyP95Ms };
  }

  const losing = engine.onLost(({ slot, statement, refusal }) => {
    log.warn({ slot, ...refusal }, "what answered cannot be started again");
    dispatch(slot, { kind: "lost", statement, refusal });
  });
  for (const slot of [...states.keys()]) boot(slot, true);
  const restored = traffic.idle();
  // What a power cut kept from being removed.
  background(
    restored.then(() => {
      isRestored = true;
      tidyUp(EMPTY_SLOT);
    }),
  );
  background(keepTicking());
  background(keepWatching());

  return {
    restored,
    apply: async (deployment) => {
      newest = deployment;
      await restored;
      wishAsDeployed();
    },
    slots: () =>
      [...states].map(([slot, state]) => ({
        slot,
        state,
        doneBytes: isWorking(state) ? attempts.current(slot)?.doneBytes : undefined,
        fetched: fetchedOf(slot, state),
        observation: observationOf(slot, state),
      })),
    wishes: () => new Map([...states].map(([slot, state]) => [slot, wishOf(state)?.statement])),
    poisons: stored.poisons,
    [Symbol.asyncDispose]: async () => {
      closing.abort();
      losing[Symbol.dispose]();
      attempts.cancelAll();
      await Promise.all(running);
    },
  };
}
