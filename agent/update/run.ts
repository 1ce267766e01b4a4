/** Takes events, stores the state that they lead to, and only then does what it asks for. */
import type { Clock } from "../../common/clock.ts";
import { messageOf } from "../../common/ferry-error.ts";
import type { Log } from "../../common/log.ts";
import type { ModelName, StatementDigest } from "../../protocol/ids.ts";
import type { Deployment } from "../../protocol/trust/deployment.ts";
import type { RefusalCode } from "../../protocol/trust/refusal.ts";
import { unreachable } from "../../protocol/unreachable.ts";
import type { StateDatabase } from "../store/state-database.ts";
import { createAttempts } from "./attempts.ts";
import { openLane, type Lane } from "./lane.ts";
import { EMPTY_SLOT, isSettled, isWorking, type HeldBundle, type SlotState } from "./state.ts";
import {
  heldOf,
  qualifyStep,
  refusalOf,
  restoreStep,
  transferStep,
  verifyStep,
  type Attempt,
  type StepPorts,
} from "./steps.ts";
import { tidy } from "./tidy.ts";
import { QUALIFY_MS_MAX, transition, type SlotEffect, type SlotEvent, type Surroundings } from "./transition.ts";

export interface UpdatePorts extends StepPorts {
  readonly store: Pick<StateDatabase, "slots" | "saveSlot" | "removeSlot" | "keepCopy">;
  /** Trusted time where there is one, else the system's. */
  readonly nowMs: () => number;
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

export interface SlotProgress {
  readonly slot: ModelName;
  readonly state: SlotState;
  /** Bytes of the archive that are on disk, while it is on its way. */
  readonly doneBytes: number | undefined;
}

export interface Updater extends AsyncDisposable {
  /** Settles when every slot that answered before the restart answers again, or cannot. */
  readonly restored: Promise<void>;
  /** Makes an accepted, stored, fresh deployment the wish of every slot; it waits for `restored`. */
  readonly apply: (deployment: Deployment) => Promise<void>;
  readonly slots: () => readonly SlotProgress[];
}

/** How late a deadline or a retry may be noticed. */
const TICK_MS = 1_000;
/** The database could not be written (a full disk): soon enough that a slot does not seem stuck. */
const STORE_AGAIN_MS = 5_000;

/** Opens with the stored states, and begins at once to bring back what answered before. */
export function openUpdater(ports: UpdatePorts): Updater {
  const { store, engine, clock, log } = ports;
  const closing = new AbortController();
  const states = new Map(store.slots());
  const attempts = createAttempts(engine, background);
  /** One bundle at a time is checked or qualified: a small board has one disk and few cores. */
  const heavy = openLane();
  /** What is done to the traffic of one slot is done in order. */
  const traffic = new Map<ModelName, Lane>();
  /** Bundles that the engine is about to serve, whatever the wishes are by now. */
  const turningOver = new Set<StatementDigest>();
  const running = new Set<Promise<void>>();
  let newest: Deployment | undefined;

  function dispatch(slot: ModelName, event: SlotEvent): void {
    if (closing.signal.aborted) return;
    const before = states.get(slot) ?? EMPTY_SLOT;
    const { next, effects } = transition(before, event, surroundings());
    if (next !== before && !save(slot, next)) {
      // Nothing is done that is not stored: it comes again, and a wish as the newest deployment has it by then.
      if (event.kind === "desired" || event.kind === "undesired") later(wishAsDeployed, STORE_AGAIN_MS);
      else if (event.kind !== "ticked") dispatchLater(slot, event, STORE_AGAIN_MS);
      return;
    }
    for (const effect of effects) perform(slot, effect);
    if (next === before) return;
    // A slot that is not on its way any more needs nothing of the attempt that led here.
    if (!isWorking(next)) attempts.cancel(slot, attempts.current(slot)?.work ?? 0);
    ports.onChange({ slot, before, after: next, event });
    if (isSettled(next)) tidyUp(before);
  }

  function tidyUp(before: SlotState): void {
    background(tidy(ports, before, [...states.values()], turningOver));
  }

  function surroundings(): Surroundings {
    return {
      nowMs: ports.nowMs(),
      mayInstall: ports.mayInstall(),
      held: ports.bundles.held(),
      chance: Math.random(),
    };
  }

  function save(slot: ModelName, next: SlotState): boolean {
    try {
      if (next.phase === "idle") store.removeSlot(slot);
      else store.saveSlot(slot, next);
    } catch (thrown) {
      log.error({ slot, error: messageOf(thrown) }, "cannot store the state of a slot; trying again");
      return false;
    }
    // What came and went leaves nothing behind: a device is not slowed down by the models that it once served.
    if (next.phase === "idle") states.delete(slot);
    else states.set(slot, next);
    return true;
  }

  function perform(slot: ModelName, effect: SlotEffect): void {
    switch (effect.kind) {
      case "transfer":
        step(slot, effect.work, "transfer-failed", async (attempt) => {
          await transferStep(ports, attempt, effect.wish);
          return { kind: "transferred", work: effect.work };
        });
        break;
      case "verify":
        step(slot, effect.work, "transfer-failed", async (attempt) => {
          await heavy.run(() => verifyStep(ports, attempt, effect.wish, effect.source), attempt.stop.signal);
          return { kind: "verified", work: effect.work };
        });
        break;
      case "qualify":
        step(slot, effect.work, "runner-crash", async (attempt) => {
          await heavy.run(() => qualifyStep(ports, slot, attempt), attempt.stop.signal);
          return { kind: "qualified", work: effect.work };
        });
        break;
      case "activate":
        activate(slot, effect.work);
        break;
      case "cancel":
        attempts.cancel(slot, effect.work);
        break;
      case "clear":
        background(laneOf(slot).run(() => engine.clear(slot)));
        break;
      case "restore":
        restore(slot, effect.bundle);
        break;
      default:
        unreachable(effect);
    }
  }

  /** Does one step in the background; its outcome, or its failure, is the next event. */
  function step(
    slot: ModelName,
    work: number,
    otherwise: RefusalCode,
    act: (attempt: Attempt) => Promise<SlotEvent>,
  ): void {
    const attempt = attempts.of(slot, work);
    background(
      (async () => {
        let outcome: SlotEvent;
        try {
          outcome = await act(attempt);
        } catch (thrown) {
          outcome = { kind: "refused", work, refusal: refusalOf(thrown, otherwise) };
        }
        // An attempt that was stopped meanwhile has no say; a runner that it started ends here.
        if (attempt.stop.signal.aborted) await attempts.discardRunner(attempt);
        else dispatch(slot, outcome);
      })(),
    );
  }

  function activate(slot: ModelName, work: number): void {
    const candidate = attempts.handOverRunner(attempts.of(slot, work));
    if (candidate === undefined) {
      const refusal = { code: "runner-crash", message: "The runner of this attempt is gone" } as const;
      dispatchLater(slot, { kind: "refused", work, refusal }, 0);
      return;
    }
    const { statement } = candidate.bundle;
    turningOver.add(statement);
    background(
      laneOf(slot).run(async () => {
        try {
          await engine.activate(slot, candidate);
          await engine.release(slot);
          dispatch(slot, { kind: "activated", bundle: heldOf(candidate.bundle) });
        } catch (thrown) {
          await engine.discard(candidate);
          dispatch(slot, { kind: "refused", work, refusal: refusalOf(thrown, "runner-crash") });
        } finally {
          turningOver.delete(statement);
        }
      }),
    );
  }

  function restore(slot: ModelName, bundle: HeldBundle): void {
    const signal = AbortSignal.any([closing.signal, AbortSignal.timeout(QUALIFY_MS_MAX)]);
    background(
      laneOf(slot).run(async () => {
        try {
          await heavy.run(() => restoreStep(ports, slot, bundle, signal), signal);
          dispatch(slot, { kind: "restored", bundle });
        } catch (thrown) {
          dispatch(slot, { kind: "not-restored", bundle, refusal: refusalOf(thrown, "model-load") });
        }
      }),
    );
  }

  function laneOf(slot: ModelName): Lane {
    const lane = traffic.get(slot) ?? openLane();
    traffic.set(slot, lane);
    return lane;
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
    const wishes = newest?.slots ?? [];
    const wished = new Set(wishes.map(({ slot }) => slot));
    for (const slot of [...states.keys()]) if (!wished.has(slot)) dispatch(slot, { kind: "undesired" });
    for (const wish of wishes) dispatch(wish.slot, { kind: "desired", wish });
  }

  async function keepTicking(): Promise<void> {
    while (!closing.signal.aborted) {
      await clock.sleep(TICK_MS, closing.signal);
      for (const slot of [...states.keys()]) dispatch(slot, { kind: "ticked" });
    }
  }

  for (const slot of [...states.keys()]) dispatch(slot, { kind: "booted" });
  const restored = Promise.all([...traffic.values()].map((lane) => lane.idle())).then(() => undefined);
  // What a power cut kept from being removed.
  background(
    restored.then(() => {
      tidyUp(EMPTY_SLOT);
    }),
  );
  background(keepTicking());

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
      })),
    [Symbol.asyncDispose]: async () => {
      closing.abort();
      attempts.cancelAll();
      await Promise.all(running);
    },
  };
}
