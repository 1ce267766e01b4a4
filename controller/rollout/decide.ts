/**
 * The rollout's whole policy: from what is known to what is to be done. Only signed evidence counts, and the newest report
 * always wins: what it no longer shows is taken back. What is decided of one rollout depends on nothing else.
 */
import { unreachable } from "../../protocol/unreachable.ts";
import { Draft } from "./draft.ts";
import { devicesText, endOf } from "./end-of-rollout.ts";
import { followBack, isGoingBack, takeBack } from "./go-back.ts";
import { goForward } from "./go-forward.ts";
import { runStage, takeDevices } from "./run-stage.ts";
import type { Decision, Situation } from "./situation.ts";

/** At most one stage passes into another phase: the caller asks again at once after a `stage` or a `settle`. */
export function decide(situation: Situation): readonly Decision[] {
  const draft = new Draft(situation);
  const { state } = situation.rollout;
  if (state === "superseded") return [];
  judgeMembers(draft);
  if (hasLostAll(draft)) {
    draft.settle("superseded", "other rollouts have all of its devices");
    return draft.decisions;
  }
  switch (state) {
    case "running":
      runStage(draft);
      break;
    case "paused":
    case "aborted":
      break;
    case "completed":
    case "failed":
      stayOpen(draft);
      break;
    case "rolling-back":
    case "rolled-back":
      takeBack(draft);
      if (state === "rolling-back" && !isGoingBack(draft, situation)) settleBack(draft);
      break;
    default:
      unreachable(state);
  }
  return draft.decisions;
}

/** What was heard of each device, wherever the rollout stands. */
function judgeMembers(draft: Draft): void {
  const { members, rollout } = draft.situation;
  const isBackwards = rollout.state === "rolling-back" || rollout.state === "rolled-back";
  for (const [at, member] of members.entries()) {
    if (member.view === undefined || !member.live || member.state === "superseded") continue;
    if (member.ask === "back") followBack(draft, at, member, member.view);
    // What is to be turned back is not judged any more by what it was to become.
    else if (!isBackwards || member.ask === "none") goForward(draft, at, member, member.view);
  }
}

/** A rollout from which later ones took every device has nothing left to do; one that never had any is told otherwise. */
function hasLostAll({ counts, situation }: Draft): boolean {
  const { state } = situation.rollout;
  if (state !== "running" && state !== "paused" && state !== "rolling-back") return false;
  return counts.count(({ live }) => live) === 0 && counts.count(({ live }) => !live) > 0;
}

/** A settled rollout goes on with those that were offline, and takes back what evidence no longer holds. */
function stayOpen(draft: Draft): void {
  const { situation, counts, standings } = draft;
  const { rollout, members } = situation;
  takeDevices(draft, rollout.spec.stages.length - 1);
  const fellBack = members.some(({ state }, at) => state === "done" && standings[at]?.state === "deploying");
  if (fellBack) {
    draft.settle("running", "a device that was done does not serve it any more");
    return;
  }
  const end = endOf(counts, rollout);
  if (end.state !== rollout.state && end.state !== "superseded") draft.settle(end.state, end.why);
}

function settleBack(draft: Draft): void {
  const { why } = draft.situation.rollout;
  const stuck = draft.counts.count(({ state, ask }) => state === "failed" && ask === "back");
  const more = stuck === 0 ? [] : [`${devicesText(stuck)} could not go back`];
  draft.settle("rolled-back", [...(why === null ? [] : [why]), ...more].join("; ") || null);
}
