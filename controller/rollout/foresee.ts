/** What a rollout would take: for each device its stage, bytes and time, for each stage when it would be over. */
import type { DeviceId, StatementDigest } from "../../protocol/ids.ts";
import type { DeviceView } from "../fleet/device-view.ts";
import { selects, type Selector } from "../fleet/selector.ts";
import { forecast, type Forecast } from "./forecast.ts";
import { planStages } from "./plan-stages.ts";
import type { Deliveries } from "./read-deliveries.ts";
import type { RolloutSpec } from "./rollout-spec.ts";
import { stageTimeline, type StageTimes } from "./stage-timeline.ts";
import { windowAt } from "./window.ts";

export interface ForesightRequest {
  /** The number that the rollout will have: the order of its devices follows from it. */
  readonly rollout: number;
  readonly spec: RolloutSpec;
  /** Of the stages that take by selector; null for the others. */
  readonly selectors: readonly (Selector | null)[];
  readonly statement: StatementDigest;
  readonly archiveBytes: number;
  /** Those that can take the bundle. */
  readonly devices: readonly DeviceView[];
  readonly deliveries: Deliveries;
  readonly nowMs: number;
}

export interface ForeseenDevice extends Forecast {
  /** Index into the stages; null for a device that is away: whichever stage runs when it is back takes it. */
  readonly stage: number | null;
}

export interface Foresight {
  readonly devices: ReadonlyMap<DeviceId, ForeseenDevice>;
  readonly stages: readonly (StageTimes & ForeseenStage)[];
}

export interface ForeseenStage {
  readonly devices: number;
  /** It takes by selector, and no device matches that could be taken, not even one that is away. */
  readonly matchesNobody: boolean;
}

export function foresee(request: ForesightRequest): Foresight {
  const { spec, selectors, devices, deliveries, archiveBytes, statement } = request;
  const stageOf = planStages(spec.stages, devices, request);
  const foreseen = new Map(
    devices.map((device): [DeviceId, ForeseenDevice] => {
      const { id, info } = device;
      const isHeld = info?.heldStatements.includes(statement) === true;
      const ofDevice = deliveries.of(id);
      const told = forecast({ archiveBytes, isHeld, ofDevice, ofFleet: deliveries.ofFleet });
      return [id, { ...told, stage: stageOf.get(id) ?? null }];
    }),
  );
  const msByStage = Map.groupBy(foreseen.values(), ({ stage }) => stage);
  const stages = spec.stages.map(({ name, soakMs, approval }, at) => {
    const deviceMs = (msByStage.get(at) ?? []).map(({ ms }) => ms);
    return { name, soakMs, needsApproval: approval === "required", deviceMs };
  });
  const { concurrent, perMinute } = spec.rate;
  const times = stageTimeline({ stages, startMs: request.nowMs, concurrent, perMinute, openAtMs: opening(spec) });
  return {
    devices: foreseen,
    stages: times.map((time, at) => {
      const selector = selectors[at] ?? null;
      const matchesNobody = selector !== null && !devices.some(({ labels }) => selects(selector, labels));
      return { ...time, devices: stages[at]?.deviceMs.length ?? 0, matchesNobody };
    }),
  };
}

/** The first moment at which the window is open, not before the one given. */
function opening({ window }: RolloutSpec): (ms: number) => number {
  if (window === null) return (ms) => ms;
  let known = windowAt(window, 0);
  return (ms) => {
    // Thousands of devices ask about the same opening: it is computed once.
    if (known === undefined || ms >= known.closesAtMs || ms < known.opensAtMs) known = windowAt(window, ms);
    return known === undefined ? ms : Math.max(ms, known.opensAtMs);
  };
}
