/** Why a device that can be reached has not been asked yet, in a sentence. Pure: the same for a person and a plan. */
import type { DeviceView } from "../fleet/device-view.ts";
import { obstacleTo } from "./judge-device.ts";
import type { RolloutFacts, WindowView } from "./situation.ts";

/** For a member that waits and has not been asked. */
export function whyWaiting(rollout: RolloutFacts, view: DeviceView | undefined, window: WindowView | null): string {
  const obstacle = view === undefined ? "it is not known any more" : obstacleTo(view);
  switch (rollout.state) {
    case "aborted":
      return "the rollout was aborted before its turn";
    case "rolling-back":
    case "rolled-back":
      return "the rollout was rolled back before its turn";
    case "superseded":
      return "the rollout was superseded before its turn";
    case "paused":
      return obstacle ?? `the rollout is paused${rollout.why === null ? "" : `: ${rollout.why}`}`;
    case "running":
      return obstacle ?? whyNotYet(rollout, window);
    case "completed":
    case "failed":
      return obstacle ?? (window?.open === false ? outsideWindow(window) : "no stage of the rollout takes it");
  }
}

function whyNotYet({ spec, stage, phase }: RolloutFacts, window: WindowView | null): string {
  const { take } = spec.stages[stage] ?? {};
  const name = `stage ${stage + 1} of ${spec.stages.length} (${spec.stages[stage]?.name ?? ""})`;
  switch (phase) {
    case "approval":
      return `${name} waits for an approval`;
    case "soaking":
      return `waits for the next stage: ${name} is soaking`;
    case "gates":
      return `waits for the next stage: ${name} waits for its gates`;
    case "deploying":
      if (window?.open === false) return outsideWindow(window);
      if (take?.kind === "selector") return `waits for its turn: ${name} takes devices with ${take.selector}`;
      return stage + 1 < spec.stages.length ? `waits for its turn, in ${name} or later` : turnText(spec.rate);
  }
}

function outsideWindow({ opensAtMs }: WindowView): string {
  if (opensAtMs === null) return "outside the rollout's window, which never opens again";
  return `outside the rollout's window, which opens ${new Date(opensAtMs).toISOString().replace(/:\d+\.\d+Z$/, "Z")}`;
}

function turnText({ perMinute, concurrent }: RolloutFacts["spec"]["rate"]): string {
  const limits = [
    ...(perMinute === null ? [] : [`${perMinute} a minute`]),
    ...(concurrent === null ? [] : [`${concurrent} at a time`]),
  ];
  return limits.length === 0 ? "about to begin" : `waits for its turn: ${limits.join(", ")}`;
}
