/** One device on its way to the rollout's bundle: what its reports make of its standing, and whether it is asked again. */
import type { DeviceView } from "../fleet/device-view.ts";
import { unreachable } from "../../protocol/unreachable.ts";
import type { Draft } from "./draft.ts";
import { judgeDevice, obstacleTo, ON_ITS_WAY } from "./judge-device.ts";
import { triesText } from "./tries-text.ts";
import type { RolloutMember } from "./situation.ts";

export function goForward(draft: Draft, at: number, member: RolloutMember, view: DeviceView): void {
  const { rollout, nowMs } = draft.situation;
  if (member.ask === "none") {
    const obstacle = obstacleTo(view);
    draft.mark(at, { reachable: obstacle === undefined, why: obstacle ?? null });
    return;
  }
  // A person wants it tried again.
  if (member.seq === null) {
    askAgain(draft, at, view);
    return;
  }
  const verdict = judgeDevice({ ...rollout, params: rollout.spec.params }, member.seq, view, nowMs);
  switch (verdict.kind) {
    case "done":
      draft.mark(at, { state: "done", reachable: view.online, why: null });
      return;
    case "refused":
      draft.mark(at, { state: "failed", reachable: view.online, why: verdict.why });
      return;
    case "offline":
      if (member.state === "failed") draft.mark(at, { reachable: false });
      else draft.mark(at, { state: "waiting", reachable: false, why: verdict.why });
      return;
    case "not-asked":
      askAgain(draft, at, view);
      return;
    case "under-way":
      // Whoever ran out of tries stays failed until it proves the opposite.
      if (member.state === "failed") draft.mark(at, { reachable: true });
      else goOn(draft, at, member, verdict.why);
      return;
    default:
      unreachable(verdict);
  }
}

function askAgain(draft: Draft, at: number, view: DeviceView): void {
  const obstacle = obstacleTo(view);
  if (obstacle !== undefined) draft.mark(at, { state: "waiting", reachable: false, why: obstacle });
  else if (draft.repeatsLeft > 0) {
    draft.issue(at, { state: "deploying", reachable: true, why: ON_ITS_WAY });
  } else {
    draft.mark(at, { state: "deploying", reachable: true, why: "its deployment does not ask for it any more" });
  }
}

/** Within its time it is left alone; after it, it is tried again as often as the rollout says. */
function goOn(draft: Draft, at: number, member: RolloutMember, progress: string): void {
  const { rollout, nowMs } = draft.situation;
  const now = { state: "deploying", reachable: true, why: progress } as const;
  // Only time online counts: a device that was away begins its time anew.
  const isOver = member.state === "deploying" && nowMs - (member.startedMs ?? nowMs) > rollout.spec.deploymentMsMax;
  if (!isOver) {
    draft.mark(at, now);
    return;
  }
  const text = triesText("done", rollout.spec, member.tries, progress);
  if (member.tries >= rollout.spec.retries) draft.mark(at, { ...now, state: "failed", why: text });
  else if (draft.repeatsLeft > 0) draft.issue(at, { ...now, tries: member.tries + 1, why: `tried again: ${text}` });
  else draft.mark(at, { ...now, why: `to be tried again: ${text}` });
}
