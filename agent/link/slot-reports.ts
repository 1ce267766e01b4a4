import { SLOTS_MAX } from "../../protocol/limits.ts";
import type { SlotReport } from "../../protocol/trust/report.ts";
import type { ServedSlot } from "../inference/inference-engine.ts";
import { reportedPhase, wishOf, type HeldBundle } from "../update/state.ts";
import type { SlotProgress } from "../update/run.ts";

/** What a device says of its slots: what is wished by the state, what answers by the engine itself. */
export function slotReports(progress: readonly SlotProgress[], served: readonly ServedSlot[]): SlotReport[] {
  const answering = new Map(served.filter(({ ready }) => ready).map((one) => [one.slot, one]));
  return progress.slice(0, SLOTS_MAX).map((one) => slotReport(one, answering.get(one.slot)));
}

function slotReport({ slot, state, doneBytes }: SlotProgress, served: ServedSlot | undefined): SlotReport {
  const wish = wishOf(state);
  const { lastKnownGood } = state;
  // For a moment after the traffic was turned over the engine is ahead of the state.
  const goesBackTo = lastKnownGood?.statement === served?.bundle.statement ? null : lastKnownGood;
  const refusal = state.phase === "failed" || state.phase === "waiting" ? state.refusal : null;
  const isOnItsWay = state.phase === "transferring" && doneBytes !== undefined;
  return {
    slot,
    phase: reportedPhase(state),
    ...(wish === undefined ? {} : { desired: wish.statement }),
    ...(served === undefined ? {} : { active: activeOf(served) }),
    ...(goesBackTo === null ? {} : { lastKnownGood: labelOf(goesBackTo) }),
    ...(refusal === null ? {} : { refusal }),
    ...(isOnItsWay ? { transfer: { doneBytes, totalBytes: state.wish.archive.length } } : {}),
  };
}

function activeOf({ bundle, evidence, sinceMs }: ServedSlot): NonNullable<SlotReport["active"]> {
  const { model, statement } = bundle;
  return { model: model.name, version: model.version, statement, sinceMs, evidence };
}

function labelOf({ model, version, statement }: HeldBundle): NonNullable<SlotReport["lastKnownGood"]> {
  return { model, version, statement };
}
