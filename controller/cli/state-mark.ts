import pc from "picocolors";
import type { RolloutDeviceState, RolloutState } from "../store/rollout-state.ts";

/** A state with the sign and colour that people tell it by. */
export function stateMark(state: RolloutDeviceState | RolloutState): string {
  switch (state) {
    case "done":
    case "completed":
      return pc.green(`✔ ${state}`);
    case "failed":
    case "rolled-back":
      return pc.red(`✖ ${state}`);
    case "running":
    case "deploying":
    case "reverting":
    case "rolling-back":
      return pc.cyan(`◌ ${state}`);
    case "waiting":
    case "paused":
      return pc.yellow(`॥ ${state}`);
    case "superseded":
    case "aborted":
    case "reverted":
      return pc.dim(`↷ ${state}`);
  }
}
