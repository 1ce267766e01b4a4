/** Does what a transition asks for. None of it is waited for: what it leads to comes as an event. */
import type { ModelName, StatementDigest } from "../../protocol/ids.ts";
import type { RefusalCode } from "../../protocol/trust/refusal.ts";
import { unreachable } from "../../protocol/unreachable.ts";
import type { Attempts } from "./attempts.ts";
import type { Lane } from "./lane.ts";
import type { SlotEffect, SlotEvent } from "./slot-event.ts";
import {
  qualifyStep,
  refusalOf,
  transferStep,
  verifyStep,
  type Attempt,
  type Fetched,
  type StepPorts,
} from "./steps.ts";
import type { Traffic } from "./traffic.ts";

export interface PerformerPorts extends StepPorts {
  readonly attempts: Attempts;
  readonly traffic: Traffic;
  /** One bundle at a time is checked or qualified. */
  readonly heavy: Lane;
  readonly dispatch: (slot: ModelName, event: SlotEvent) => void;
  readonly background: (work: Promise<unknown>) => void;
  readonly onFetched: (slot: ModelName, statement: StatementDigest, fetched: Fetched) => void;
}

export function createPerformer(ports: PerformerPorts): (slot: ModelName, effect: SlotEffect) => void {
  const { attempts, traffic, heavy, dispatch, background, onFetched } = ports;

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

  return (slot, effect) => {
    switch (effect.kind) {
      case "transfer":
        step(slot, effect.work, "transfer-failed", async (attempt) => {
          await transferStep(ports, attempt, effect.wish);
          if (attempt.fetched !== undefined) onFetched(slot, effect.wish.statement, attempt.fetched);
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
          await heavy.run(() => qualifyStep(ports, slot, attempt, effect.wish), attempt.stop.signal);
          return { kind: "qualified", work: effect.work };
        });
        break;
      case "activate":
        traffic.activate(slot, effect.work, effect.wish.traffic);
        break;
      case "cancel":
        attempts.cancel(slot, effect.work);
        break;
      case "turn-back":
        traffic.turnBack(slot, effect);
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
  };
}
