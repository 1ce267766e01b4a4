/**
 * The rollout's whole policy: from what is known of each device to what is to be done. Only signed evidence counts, and
 * the newest report always wins: what it no longer shows is taken back.
 */
import type { DeviceId, ModelName, StatementDigest } from "../../protocol/ids.ts";
import { mayPass } from "../../protocol/trust/refusal.ts";
import type { Phase, SlotReport } from "../../protocol/trust/report.ts";
import { isAheadOfController, slotReportOf, type DeviceView } from "../fleet/device-view.ts";
import type { RolloutDeviceState, RolloutState } from "../store/rollout-state.ts";

export interface RolloutGoal {
  readonly statement: StatementDigest;
  /** Where the model is served. */
  readonly slot: ModelName;
  readonly state: RolloutState;
}

/** One device's place in the rollout. */
export interface RolloutMember {
  readonly device: DeviceId;
  readonly state: RolloutDeviceState;
  /** The sequence of the deployment that asks for the bundle; null before that. */
  readonly seq: number | null;
  readonly why: string | null;
  /** Undefined where nothing has been heard since `state` was decided: it stays. */
  readonly view: DeviceView | undefined;
}

export type Decision =
  /** Put the bundle into the device's deployment, and sign that. */
  | { readonly kind: "issue"; readonly device: DeviceId }
  | {
      readonly kind: "mark";
      readonly device: DeviceId;
      readonly state: RolloutDeviceState;
      /** Why it is not done; null when it is. */
      readonly why: string | null;
    }
  | { readonly kind: "settle"; readonly state: RolloutState };

/** `nowMs` is the controller's clock. */
export function decide(goal: RolloutGoal, members: readonly RolloutMember[], nowMs: number): readonly Decision[] {
  const decisions: Decision[] = [];
  const states = members.map((member): RolloutDeviceState => {
    if (member.state === "superseded" || member.view === undefined) return member.state;
    const verdict = judge(goal, member, member.view, nowMs);
    if (verdict.issue) decisions.push({ kind: "issue", device: member.device });
    if (verdict.state !== member.state || verdict.why !== member.why) {
      decisions.push({ kind: "mark", device: member.device, state: verdict.state, why: verdict.why });
    }
    return verdict.state;
  });
  const state = rolloutState(states);
  if (state !== goal.state) decisions.push({ kind: "settle", state });
  return decisions;
}

interface Verdict {
  readonly state: RolloutDeviceState;
  readonly why: string | null;
  readonly issue: boolean;
}

function judge(goal: RolloutGoal, member: RolloutMember, view: DeviceView, nowMs: number): Verdict {
  const isAskedFor = view.deployment?.slots.some(
    (slot) => slot.slot === goal.slot && slot.statement === goal.statement,
  );
  if (member.seq === null || isAskedFor !== true) return begin(view);
  const slot = (view.report?.seq ?? 0) >= member.seq ? slotReportOf(view, goal.slot) : undefined;
  if (slot !== undefined && isServing(goal, slot)) return { state: "done", why: null, issue: false };
  const failure = slot === undefined ? undefined : failureOf(goal, slot);
  if (failure !== undefined) return { state: "failed", why: failure, issue: false };
  if (!view.online) return waiting(offlineSince(view));
  return { state: "deploying", why: progressOf(goal, view, slot, nowMs), issue: false };
}

function begin(view: DeviceView): Verdict {
  if (!view.online) return waiting(offlineSince(view));
  // Its first deployment answers its hello, which tells the sequence that it holds: none may be made up before that.
  if (view.deployment === undefined) return waiting("it has not asked for its deployment yet");
  if (isAheadOfController(view)) {
    return waiting("it holds a deployment that this controller does not know: waiting until what it runs is known");
  }
  return { state: "deploying", why: "the deployment is on its way", issue: true };
}

function offlineSince({ onlineSinceMs }: DeviceView): string {
  return `offline since ${new Date(onlineSinceMs).toISOString().replace(/\.\d+Z$/, "Z")}`;
}

function waiting(why: string): Verdict {
  return { state: "waiting", why, issue: false };
}

/** The evidence: this very statement is loaded and answering, and the device has committed to it. */
function isServing(goal: RolloutGoal, slot: SlotReport): boolean {
  return slot.active?.statement === goal.statement && slot.phase === "committed";
}

/** The device's final word on this statement: it stopped trying, for a cause that does not pass by itself. */
function failureOf(goal: RolloutGoal, { desired, phase, refusal }: SlotReport): string | undefined {
  if (desired !== goal.statement || IN_PROGRESS.has(phase)) return undefined;
  if (refusal !== undefined) return mayPass(refusal.code) ? undefined : `${refusal.code}: ${refusal.message}`;
  return phase === "failed" || phase === "rolled-back" ? `the device says ${phase} and gives no reason` : undefined;
}

const IN_PROGRESS: ReadonlySet<Phase> = new Set<Phase>(["transferring", "verifying", "qualifying", "soaking"]);

function progressOf(goal: RolloutGoal, view: DeviceView, slot: SlotReport | undefined, nowMs: number): string {
  if (view.report === undefined) return "it has not sent a signed report yet";
  if (slot?.desired !== goal.statement) {
    const { refusal } = view.report;
    if (refusal !== undefined) return `it refused the last document: ${refusal.code}: ${refusal.message}`;
    const heardMs = Math.max(0, nowMs - (view.reportedMs ?? nowMs));
    return heardMs < REPORT_EXPECTED_MS
      ? "the deployment is on its way"
      : `it has not reported the deployment yet; its last report is ${Math.round(heardMs / 60_000)} min old`;
  }
  const { refusal } = slot;
  if (refusal !== undefined && mayPass(refusal.code)) return `tries again after ${refusal.code}: ${refusal.message}`;
  if (slot.phase === "transferring" && slot.transfer !== undefined && slot.transfer.totalBytes > 0) {
    const percent = Math.floor((100 * slot.transfer.doneBytes) / slot.transfer.totalBytes);
    return `transferring, ${percent} % of ${slot.transfer.totalBytes} bytes`;
  }
  return slot.phase === "committed" ? "committed, and not answering at the moment" : slot.phase;
}

/** A device reports each change at once: a minute of silence after a deployment is worth telling. */
const REPORT_EXPECTED_MS = 60_000;

/** `running` until every device is settled; then the worst of what they are. */
function rolloutState(states: readonly RolloutDeviceState[]): RolloutState {
  if (states.some((state) => state === "waiting" || state === "deploying")) return "running";
  if (states.includes("failed")) return "failed";
  if (states.includes("superseded")) return "superseded";
  return "completed";
}
