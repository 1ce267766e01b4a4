import { SLOTS_MAX } from "../../protocol/limits.ts";
import type { SlotReport, SoakReport } from "../../protocol/trust/report.ts";
import type { ServedSlot } from "../inference/inference-engine.ts";
import {
  fallbackOf,
  parametersOf,
  refusalOfState,
  reportedPhase,
  wishOf,
  type HeldBundle,
  type SlotState,
  type SoakingState,
} from "../update/state.ts";
import type { SlotObservation, SlotProgress } from "../update/run.ts";
import { boundDetails } from "./bound-details.ts";

/** What a device says of its slots: what is wished by the state, what answers by the engine itself. */
export function slotReports(progress: readonly SlotProgress[], served: readonly ServedSlot[]): SlotReport[] {
  const answering = new Map(served.filter(({ ready }) => ready).map((one) => [one.slot, one]));
  return boundDetails(progress.slice(0, SLOTS_MAX).map((one) => slotReport(one, answering.get(one.slot))));
}

function slotReport(
  { slot, state, doneBytes, fetched, observation }: SlotProgress,
  served: ServedSlot | undefined,
): SlotReport {
  const wish = wishOf(state);
  const standby = state.phase === "soaking" ? fallbackOf(state) : state.lastKnownGood;
  // For a moment after the traffic was turned over the engine is ahead of the state.
  const goesBackTo = standby?.statement === served?.bundle.statement ? null : standby;
  const refusal = refusalOfState(state);
  const isOnItsWay = state.phase === "transferring" && doneBytes !== undefined;
  return {
    slot,
    phase: reportedPhase(state),
    ...(wish === undefined ? {} : { desired: wish.statement }),
    ...(served === undefined ? {} : { active: activeOf(served, state) }),
    ...(goesBackTo === null ? {} : { lastKnownGood: labelOf(goesBackTo) }),
    ...(refusal === null ? {} : { refusal }),
    ...(isOnItsWay ? { transfer: { doneBytes, totalBytes: state.wish.archive.length } } : {}),
    ...(fetched === undefined ? {} : { fetched: { bytes: fetched.bytes, ms: fetched.ms } }),
    ...(state.phase === "soaking" ? { soak: soakOf(state, observation) } : {}),
  };
}

function soakOf({ untilMs, traffic }: SoakingState, seen: SlotObservation | undefined): SoakReport {
  const { former, agreement } = seen ?? {};
  return {
    ...(untilMs === null ? {} : { untilMs }),
    ...countsOf(seen),
    ...(traffic === undefined ? {} : { traffic }),
    ...(former === undefined ? {} : { former: countsOf(former) }),
    ...(agreement === undefined || agreement.compared === 0
      ? {}
      : { compared: agreement.compared, alike: agreement.alike }),
    ...(agreement === undefined || agreement.dropped === 0 ? {} : { copiesDropped: agreement.dropped }),
  };
}

function countsOf(seen: Pick<SlotObservation, "requests" | "failed" | "latencyP95Ms"> | undefined) {
  const { requests = 0, failed = 0, latencyP95Ms } = seen ?? {};
  return { requests, failed, ...(latencyP95Ms === undefined ? {} : { latencyP95Ms }) };
}

function activeOf({ bundle, evidence, sinceMs }: ServedSlot, state: SlotState): NonNullable<SlotReport["active"]> {
  const { model, statement } = bundle;
  const params = parametersOf(state, statement);
  const set = params === undefined || Object.keys(params).length === 0 ? {} : { params };
  return { model: model.name, version: model.version, statement, sinceMs, evidence, ...set };
}

function labelOf({ model, version, statement }: HeldBundle): NonNullable<SlotReport["lastKnownGood"]> {
  return { model, version, statement };
}
