/** When each stage of a rollout will begin and be over, from the forecasts of its devices. */

export interface TimelineStage {
  readonly name: string;
  /** For each device, how long it will take; undefined where nobody can tell. */
  readonly deviceMs: readonly (number | undefined)[];
  readonly soakMs: number;
  /** Somebody must agree first: the times count from that moment. */
  readonly needsApproval: boolean;
}

export interface TimelineRequest {
  readonly stages: readonly TimelineStage[];
  readonly startMs: number;
  /** Devices that may be on their way at one time; null: all. */
  readonly concurrent: number | null;
  /** Deployments issued in a minute; null: as fast as it goes. */
  readonly perMinute: number | null;
  /** The first moment, not before this one, at which a deployment may be issued. */
  readonly openAtMs: (ms: number) => number;
}

export interface StageTimes {
  readonly name: string;
  readonly startMs: number;
  /** Every device of it has committed. */
  readonly deployedMs: number;
  /** Its soak is over: the next one may begin. */
  readonly finishMs: number;
  readonly needsApproval: boolean;
  /** Devices of which nobody can tell how long they take: the times leave them out. */
  readonly unknownDevices: number;
}

/** Devices of a stage begin in the order given, as soon as the rate, the number on their way and the window let them. */
export function stageTimeline(request: TimelineRequest): readonly StageTimes[] {
  let atMs = request.startMs;
  return request.stages.map((stage): StageTimes => {
    const startMs = request.openAtMs(atMs);
    const deployedMs = Math.max(startMs, ...latest(request, stage, startMs));
    const finishMs = deployedMs + stage.soakMs;
    atMs = finishMs;
    const unknownDevices = stage.deviceMs.filter((ms) => ms === undefined).length;
    return { name: stage.name, startMs, deployedMs, finishMs, needsApproval: stage.needsApproval, unknownDevices };
  });
}

/** When the last device is done: empty where none can be told. */
function latest(request: TimelineRequest, stage: TimelineStage, startMs: number): readonly number[] {
  const spacingMs = request.perMinute === null ? 0 : 60_000 / request.perMinute;
  const lanes = openLanes(request.concurrent ?? Infinity);
  let nextMs = startMs;
  let lastMs: number | undefined;
  for (const deviceMs of stage.deviceMs) {
    const beginMs = request.openAtMs(Math.max(nextMs, lanes.freeAtMs()));
    nextMs = beginMs + spacingMs;
    if (deviceMs === undefined) continue;
    lanes.take(beginMs + deviceMs);
    lastMs = Math.max(lastMs ?? 0, beginMs + deviceMs);
  }
  return lastMs === undefined ? [] : [lastMs];
}

interface Lanes {
  /** When the next device may begin. */
  readonly freeAtMs: () => number;
  readonly take: (untilMs: number) => void;
}

/** At most `count` at one time; the earliest end is found by looking at all, and a fleet is given hundreds of lanes at most. */
function openLanes(count: number): Lanes {
  const untilMs: number[] = [];
  const earliest = () => untilMs.reduce((best, ms, at) => (ms < (untilMs[best] ?? Infinity) ? at : best), 0);
  return {
    freeAtMs: () => (untilMs.length < count ? 0 : (untilMs[earliest()] ?? 0)),
    take: (ms) => {
      if (count === Infinity) return;
      if (untilMs.length < count) untilMs.push(ms);
      else untilMs[earliest()] = ms;
    },
  };
}
