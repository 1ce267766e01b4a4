/** Which of the devices that wait a stage takes. */
import { selects, type Selector } from "../fleet/selector.ts";
import type { StageTake } from "./rollout-spec.ts";
import type { RolloutMember } from "./situation.ts";
import type { Counts, Standing } from "./tally.ts";

/**
 * How many devices the rollout has changed when the stage ends, those of earlier stages included, of `base` that it can
 * reach or has changed already. A selector takes whoever matches.
 */
export function stageTarget(take: StageTake, base: number): number {
  switch (take.kind) {
    case "share":
      // Floating point must not make 28.000000000000004 of 7 % of 400.
      return Math.min(base, Math.max(take.min, Math.ceil(take.share * base - 1e-9)));
    case "count":
      return Math.min(base, take.count);
    case "selector":
      return base;
  }
}

/** How many more the stage takes, as things stand; 0 or more. */
export function wantedDevices(take: StageTake, counts: Counts): number {
  const taken = counts.count(({ stage }) => stage !== null);
  const inReach = counts.count(isWaitingForStage);
  return Math.max(0, stageTarget(take, taken + inReach) - taken);
}

/** A member with its place among those of the situation. */
export interface Candidate {
  readonly at: number;
  readonly member: RolloutMember;
}

/** True of what a stage may take, as it stands. */
export function isWaitingForStage({ state, ask, live, reachable }: Omit<Standing, "stage">): boolean {
  return state === "waiting" && ask === "none" && live && reachable;
}

/** Those that the stage takes first, at most `limit`, in the rollout's own order. */
export function chooseDevices(waiting: readonly Candidate[], limit: number): readonly Candidate[] {
  if (limit <= 0) return [];
  // The engine gives them in order; a simulation may not.
  return waiting.toSorted((one, other) => one.member.order - other.member.order).slice(0, limit);
}

/** Whether the stage may take a device at all. */
export function isMatch({ view }: RolloutMember, selector: Selector | null): boolean {
  return selector === null || (view !== undefined && selects(selector, view.labels));
}
