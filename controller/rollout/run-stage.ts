/** Moves a running rollout through its stages: devices are taken, watched, and the next stage begins. */
import { unreachable } from "../../protocol/unreachable.ts";
import { chooseDevices, isMatch, isWaitingForStage, wantedDevices, type Candidate } from "./choose-devices.ts";
import type { Draft } from "./draft.ts";
import { devicesText, endOf, excessOfFailures, failuresAreTolerated, shareText } from "./end-of-rollout.ts";
import { ON_ITS_WAY } from "./judge-device.ts";
import type { RolloutStage } from "./rollout-spec.ts";
import type { RolloutFacts } from "./situation.ts";

export function runStage(draft: Draft): void {
  const { rollout, nowMs } = draft.situation;
  const stage = rollout.spec.stages[rollout.stage];
  if (stage === undefined) return;
  const excess = excessOfFailures(draft.counts, rollout);
  if (excess !== undefined) {
    stop(draft, excess);
    return;
  }
  if (rollout.phase !== "approval" && failedGate(draft, stage)) return;
  switch (rollout.phase) {
    case "approval":
      if (isApproved(rollout, rollout.stage)) enter(draft, "deploying");
      return;
    case "deploying":
      if (takeDevices(draft, rollout.stage) && isStageOver(draft, stage)) enterAfterDeploying(draft, stage);
      return;
    case "soaking":
      if (nowMs >= rollout.sinceMs + stage.soakMs) enterAfterSoak(draft, stage);
      return;
    case "gates":
      judgeGates(draft, stage);
      return;
    default:
      unreachable(rollout.phase);
  }
}

/** Takes what the stage still may; true when there is nobody left for it to take. */
export function takeDevices(draft: Draft, stage: number): boolean {
  const { situation, standings } = draft;
  const take = situation.rollout.spec.stages[stage]?.take;
  const wanted = take === undefined ? 0 : wantedDevices(take, draft.counts);
  if (take === undefined || wanted === 0) return true;
  const waiting: Candidate[] = [];
  for (const [at, member] of situation.members.entries()) {
    const standing = standings[at];
    if (standing !== undefined && isWaitingForStage(standing) && isMatch(member, situation.selector)) {
      waiting.push({ at, member });
    }
  }
  const chosen = chooseDevices(waiting, Math.min(wanted, draft.startsLeft));
  for (const { at } of chosen) {
    draft.issue(at, {
      state: "deploying",
      stage,
      ask: "forward",
      reachable: true,
      why: ON_ITS_WAY,
    });
  }
  if (take.kind === "selector") return !situation.hasMore && chosen.length === waiting.length;
  return chosen.length === wanted;
}

/** Its devices that can be reached are settled, and at least one has proven something. */
function isStageOver({ counts, situation }: Draft, stage: RolloutStage): boolean {
  const index = situation.rollout.spec.stages.indexOf(stage);
  if (counts.count(({ state, live }) => live && state === "deploying") > 0) return false;
  const settled = counts.count(({ stage, state }) => stage === index && (state === "done" || state === "failed"));
  if (settled > 0) return true;
  const own = counts.count(({ stage }) => stage === index);
  const waiting = counts.count(({ state, live }) => live && state === "waiting");
  // All that it took have gone offline: without any evidence it waits. Where earlier stages took everyone, it has nothing to show.
  return waiting === 0 || (own === 0 && counts.count(({ state }) => state === "done") > 0);
}

function enterAfterDeploying(draft: Draft, stage: RolloutStage): void {
  if (!quorumHolds(draft, stage)) return;
  if (hasOwnDevices(draft, stage) && stage.soakMs > 0) enter(draft, "soaking");
  else enterAfterSoak(draft, stage);
}

function enterAfterSoak(draft: Draft, stage: RolloutStage): void {
  const { rollout } = draft.situation;
  // A device may have fallen back meanwhile.
  if (!isStageOver(draft, stage)) enter(draft, "deploying");
  else if (!quorumHolds(draft, stage)) return;
  else if (rollout.spec.gates.length > 0 && hasOwnDevices(draft, stage)) enter(draft, "gates");
  else enterNext(draft);
}

function hasOwnDevices({ counts, situation }: Draft, stage: RolloutStage): boolean {
  const index = situation.rollout.spec.stages.indexOf(stage);
  return counts.count(({ stage }) => stage === index) > 0;
}

function enterNext(draft: Draft): void {
  const { rollout } = draft.situation;
  const next = rollout.stage + 1;
  const stage = rollout.spec.stages[next];
  if (stage === undefined) {
    const { state, why } = endOf(draft.counts, rollout);
    draft.settle(state, why);
    return;
  }
  const mustAsk = stage.approval === "required" && !isApproved(rollout, next);
  draft.decisions.push({ kind: "stage", stage: next, phase: mustAsk ? "approval" : "deploying" });
}

function enter(draft: Draft, phase: RolloutFacts["phase"]): void {
  const { rollout } = draft.situation;
  if (phase !== rollout.phase) draft.decisions.push({ kind: "stage", stage: rollout.stage, phase });
}

function isApproved({ approvals }: RolloutFacts, stage: number): boolean {
  return approvals.some((approval) => approval.stage === stage);
}

/** Enough of the stage's settled devices are done; otherwise the rollout ends or stops here, and false is given. */
function quorumHolds(draft: Draft, stage: RolloutStage): boolean {
  const { counts, situation } = draft;
  const { rollout } = situation;
  const index = rollout.spec.stages.indexOf(stage);
  const done = counts.count(({ stage, state }) => stage === index && state === "done");
  const failed = counts.count(({ stage, state }) => stage === index && state === "failed");
  if (failed === 0 || done / (done + failed) >= rollout.spec.quorum) return true;
  if (failuresAreTolerated(counts, rollout)) return true;
  const why = `stage ${stage.name}: ${done} of ${devicesText(done + failed)} done, and ${shareText(rollout.spec.quorum)} must be`;
  if (rollout.spec.abort !== null) stop(draft, why);
  else if (index === rollout.spec.stages.length - 1) draft.settle("failed", why);
  else draft.settle("paused", why);
  return false;
}

/** As the rollout says for trouble; without a word, back: nobody may be there to ask. */
function stop(draft: Draft, why: string): void {
  const isPause = draft.situation.rollout.spec.abort?.then === "pause";
  draft.settle(isPause ? "paused" : "rolling-back", why);
}

/** A gate that fails is not waited for. */
function failedGate(draft: Draft, { name }: RolloutStage): boolean {
  const { rollout, gates } = draft.situation;
  if (rollout.gatesWaivedStage === rollout.stage) return false;
  const failed = gates?.find(({ verdict }) => verdict === "fail");
  if (failed === undefined) return false;
  stop(draft, `stage ${name}: gate ${failed.metric} failed: ${failed.text}`);
  return true;
}

function judgeGates(draft: Draft, stage: RolloutStage): void {
  const { rollout, gates, nowMs } = draft.situation;
  const isWaived = rollout.gatesWaivedStage === rollout.stage;
  const open = gates?.find(({ verdict }) => verdict !== "pass");
  if (!isStageOver(draft, stage)) enter(draft, "deploying");
  else if (!quorumHolds(draft, stage)) return;
  else if (isWaived || (gates?.length === rollout.spec.gates.length && open === undefined)) enterNext(draft);
  else if (open !== undefined && nowMs - rollout.sinceMs > rollout.spec.gateMsMax) {
    draft.settle("paused", `stage ${stage.name}: gate ${open.metric} cannot tell: ${open.text}`);
  }
}
