/** One device on its way back to what it had before the rollout, which it holds: nothing is downloaded. */
import type { DeviceView } from "../fleet/device-view.ts";
import { unreachable } from "../../protocol/unreachable.ts";
import type { Draft } from "./draft.ts";
import { judgeDevice, obstacleTo } from "./judge-device.ts";
import { triesText } from "./tries-text.ts";
import type { RolloutMember, Situation } from "./situation.ts";

/** What is known of a device whose deployment has been turned back. */
export function followBack(draft: Draft, at: number, member: RolloutMember, view: DeviceView): void {
  const { rollout, nowMs } = draft.situation;
  if (member.previous === undefined) return;
  // A person wants it tried again.
  if (member.seq === null) {
    askAgain(draft, at, view);
    return;
  }
  const wish = { slot: rollout.slot, statement: member.previous?.statement ?? null, params: member.previous?.params };
  const verdict = judgeDevice(wish, member.seq, view, nowMs);
  switch (verdict.kind) {
    case "done":
      draft.mark(at, { state: "reverted", reachable: view.online, why: null });
      return;
    case "refused":
      draft.mark(at, { state: "failed", reachable: view.online, why: `could not go back: ${verdict.why}` });
      return;
    case "offline":
      if (member.state === "failed") draft.mark(at, { reachable: false });
      else draft.mark(at, { state: "reverting", reachable: false, why: verdict.why });
      return;
    case "not-asked":
      askAgain(draft, at, view);
      return;
    case "under-way":
      if (member.state === "failed") draft.mark(at, { reachable: true });
      else goOn(draft, at, member, verdict.why);
      return;
    default:
      unreachable(verdict);
  }
}

function askAgain(draft: Draft, at: number, view: DeviceView): void {
  const obstacle = obstacleTo(view);
  const now = { state: "reverting" } as const;
  if (obstacle !== undefined) draft.mark(at, { ...now, reachable: false, why: obstacle });
  else if (draft.repeatsLeft > 0) draft.revert(at, { ...now, reachable: true, why: GOING_BACK });
}

const GOING_BACK = "the way back is on its way";

function goOn(draft: Draft, at: number, member: RolloutMember, progress: string): void {
  const { rollout, nowMs } = draft.situation;
  const now = { state: "reverting", reachable: true, why: progress } as const;
  const wasThere = member.state === "reverting" && member.reachable;
  const isOver = wasThere && nowMs - (member.startedMs ?? nowMs) > rollout.spec.deploymentMsMax;
  if (!isOver) {
    draft.mark(at, now);
    return;
  }
  const text = triesText("back", rollout.spec, member.tries, progress);
  if (member.tries >= rollout.spec.retries) draft.mark(at, { ...now, state: "failed", why: text });
  else if (draft.repeatsLeft > 0) draft.revert(at, { ...now, tries: member.tries + 1, why: `tried again: ${text}` });
  else draft.mark(at, { ...now, why: `to be tried again: ${text}` });
}

/** Turns back those that the rollout has changed: the newest stage first, as many as the rates allow. */
export function takeBack(draft: Draft): void {
  const { members } = draft.situation;
  const changed = members
    .map((member, at) => ({ member, at }))
    .filter(({ member: { ask, live, view } }) => live && ask === "forward" && view !== undefined)
    .sort((one, other) => (other.member.stage ?? 0) - (one.member.stage ?? 0) || one.member.order - other.member.order);
  for (const { member, at } of changed) {
    if (member.view !== undefined) takeOneBack(draft, at, member, member.view);
  }
}

function takeOneBack(draft: Draft, at: number, member: RolloutMember, view: DeviceView): void {
  const obstacle = obstacleTo(view);
  if (member.previous === undefined) {
    const why = "what it had before this rollout is not known: it keeps what it has";
    draft.mark(at, { state: "failed", ask: "back", why });
  } else if (obstacle !== undefined) {
    draft.mark(at, { state: "reverting", reachable: false, why: `${obstacle}; goes back when it returns` });
  } else if (draft.startsLeft > 0) {
    draft.revert(at, { state: "reverting", ask: "back", reachable: true, tries: 0, why: GOING_BACK });
  } else if (member.state === "reverting") {
    draft.mark(at, { reachable: true, why: "waits for its turn to go back" });
  }
}

/** True while a device that can be reached is still to go back, or on its way. */
export function isGoingBack(draft: Draft, { hasMore }: Situation): boolean {
  const left = draft.counts.count(({ state, ask, live, reachable }) => {
    if (!live) return false;
    if (ask === "forward") return state !== "reverting" || reachable;
    return ask === "back" && state === "reverting" && reachable;
  });
  return left > 0 || hasMore;
}
