/** What becomes of a running experiment: from how its rollout stands and what time it is. Pure. */
import type { DeviceId } from "../../protocol/ids.ts";
import type { Ask, RolloutDeviceState, RolloutState } from "../store/rollout-state.ts";

export interface ExperimentMember {
  readonly device: DeviceId;
  readonly state: RolloutDeviceState;
  readonly ask: Ask;
  readonly live: boolean;
  /** When its deployment was changed last, by the controller's clock. */
  readonly startedMs: number | null;
}

export interface ExperimentFacts {
  readonly endsMs: number;
  /** Undefined where somebody deleted it. */
  readonly rollout: { readonly id: number; readonly state: RolloutState; readonly why: string | null } | undefined;
  readonly members: readonly ExperimentMember[];
  readonly nowMs: number;
}

export type ExperimentDecision =
  | { readonly kind: "go-on" }
  /** Their deployments are issued anew: a device that splits for a day commits to B. */
  | { readonly kind: "renew"; readonly devices: readonly DeviceId[] }
  /** `takeBack`: the devices are to go back to A. */
  | { readonly kind: "end"; readonly state: "kept" | "overtaken"; readonly takeBack: boolean; readonly why: string };

/** A device soaks for a day at most (`SOAK_MS_MAX`): four hours are left for one that is away when its turn comes. */
export const RENEW_MS = 20 * 3_600_000;
/** In one look: all at once would all restart B in the same second. */
export const RENEWALS_MAX = 50;

export function decideExperiment({ endsMs, rollout, members, nowMs }: ExperimentFacts): ExperimentDecision {
  if (rollout === undefined) return end("overtaken", false, "its rollout is deleted");
  const because = rollout.why === null ? "" : `: ${rollout.why}`;
  switch (rollout.state) {
    case "superseded":
      return end("overtaken", false, `another rollout has its devices${because}`);
    case "aborted":
      return end("overtaken", false, `its rollout ${rollout.id} was aborted, and devices stay as they are`);
    case "rolling-back":
    case "rolled-back":
      return end("kept", false, `its rollout ${rollout.id} was rolled back${because}`);
    case "running":
    case "paused":
    case "completed":
    case "failed":
      break;
  }
  const live = members.filter((member) => member.live);
  if (nowMs >= endsMs) return end("kept", true, "its time is over");
  const isOpen = live.some(({ state }) => state === "waiting" || state === "deploying");
  if (!isOpen) {
    const done = live.filter(({ state }) => state === "done").length;
    return end(
      "kept",
      true,
      done > 0
        ? `no device splits any more: ${done} committed to B by themselves, because they were not reached in time`
        : `no device splits: B failed on all ${live.length}`,
    );
  }
  const due = live.filter(
    ({ state, ask, startedMs }) =>
      state === "deploying" && ask === "forward" && startedMs !== null && nowMs - startedMs >= RENEW_MS,
  );
  if (due.length === 0) return { kind: "go-on" };
  return { kind: "renew", devices: due.slice(0, RENEWALS_MAX).map(({ device }) => device) };
}

function end(state: "kept" | "overtaken", takeBack: boolean, why: string): ExperimentDecision {
  return { kind: "end", state, takeBack, why };
}
