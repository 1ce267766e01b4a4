/** What is known of one device that a rollout has asked, held against what it was asked for. Only signed reports count. */
import type { ModelName } from "../../protocol/ids.ts";
import { sameParameters, type ParameterValues } from "../../protocol/bundle/parameters.ts";
import { mayPass } from "../../protocol/trust/refusal.ts";
import type { Phase, SlotReport } from "../../protocol/trust/report.ts";
import type { DeployedSlot } from "../../protocol/trust/deployment.ts";
import { soakText } from "./soak-text.ts";
import { isAheadOfController, slotReportOf, type DeviceView } from "../fleet/device-view.ts";

/** What the device's slot is to hold; null for nothing. */
export interface Wish {
  readonly slot: ModelName;
  readonly statement: DeployedSlot["statement"] | null;
  /** Parameters that are to be set. */
  readonly params?: ParameterValues | undefined;
}

export type Verdict =
  /** By its own signed report. */
  | { readonly kind: "done" }
  /** It stopped trying, for a cause that does not pass by itself. */
  | { readonly kind: "refused"; readonly why: string }
  | { readonly kind: "under-way"; readonly why: string }
  | { readonly kind: "offline"; readonly why: string }
  /** Its deployment does not ask for this (a restored database, or another hand): it is to be asked again. */
  | { readonly kind: "not-asked" };

/** Said of most devices at most looks. */
const DONE: Verdict = { kind: "done" };

/** `seq` is the deployment's that asked; `nowMs` the controller's clock. */
export function judgeDevice(wish: Wish, seq: number, view: DeviceView, nowMs: number): Verdict {
  if (!isAskedFor(wish, view)) return { kind: "not-asked" };
  const report = (view.report?.seq ?? 0) >= seq ? view.report : undefined;
  const slot = report === undefined ? undefined : slotReportOf(view, wish.slot);
  if (report !== undefined && isFulfilled(wish, slot)) return DONE;
  const refusal = slot === undefined ? undefined : finalRefusal(wish, slot);
  if (refusal !== undefined) return { kind: "refused", why: refusal };
  if (!view.online) return { kind: "offline", why: offlineSince(view) };
  return { kind: "under-way", why: progressOf(wish, view, slot, nowMs) };
}

/** Why the device cannot be asked at present; undefined where it can. */
export function obstacleTo(view: DeviceView): string | undefined {
  if (!view.online) return offlineSince(view);
  // Its first deployment answers its hello, which tells the sequence that it holds: none may be made up before that.
  if (view.deployment === undefined) return "it has not asked for its deployment yet";
  return isAheadOfController(view)
    ? "it holds a deployment that this controller does not know: waiting until what it runs is known"
    : undefined;
}

function isAskedFor({ slot, statement, params }: Wish, { deployment }: DeviceView): boolean {
  if (deployment === undefined) return false;
  const asked = deployment.slots.find((other) => other.slot === slot);
  return (asked?.statement ?? null) === statement && sameParameters(asked?.params, params);
}

/** The evidence: this very statement is loaded and answering with these parameters, and the device has committed to it; or nothing is. */
function isFulfilled({ statement, params }: Wish, slot: SlotReport | undefined): boolean {
  if (statement === null) return slot?.active === undefined && (slot === undefined || slot.phase === "idle");
  const { active, phase } = slot ?? {};
  return active?.statement === statement && phase === "committed" && sameParameters(active.params, params);
}

function finalRefusal({ statement }: Wish, { desired, phase, refusal }: SlotReport): string | undefined {
  if (desired !== statement || IN_PROGRESS.has(phase)) return undefined;
  if (refusal !== undefined) return mayPass(refusal.code) ? undefined : `${refusal.code}: ${refusal.message}`;
  return phase === "failed" || phase === "rolled-back" ? `the device says ${phase} and gives no reason` : undefined;
}

const IN_PROGRESS: ReadonlySet<Phase> = new Set<Phase>(["transferring", "verifying", "qualifying", "soaking"]);

function offlineSince({ onlineSinceMs }: DeviceView): string {
  return `offline since ${new Date(onlineSinceMs).toISOString().replace(/\.\d+Z$/, "Z")}`;
}

function progressOf({ statement }: Wish, view: DeviceView, slot: SlotReport | undefined, nowMs: number): string {
  if (view.report === undefined) return "it has not sent a signed report yet";
  if (slot === undefined || (slot.desired ?? null) !== statement) return unheardOf(view, nowMs);
  const { refusal } = slot;
  if (refusal !== undefined && mayPass(refusal.code)) return `tries again after ${refusal.code}: ${refusal.message}`;
  if (slot.phase === "transferring" && slot.transfer !== undefined && slot.transfer.totalBytes > 0) {
    const percent = Math.floor((100 * slot.transfer.doneBytes) / slot.transfer.totalBytes);
    return `transferring, ${percent} % of ${slot.transfer.totalBytes} bytes`;
  }
  if (slot.phase === "soaking" && slot.soak?.traffic !== undefined) return `soaking, ${soakText(slot.soak)}`;
  return slot.phase === "committed" ? "committed, and not answering at the moment" : slot.phase;
}

/** A device reports each change at once: a minute of silence after a deployment is worth telling. */
const REPORT_EXPECTED_MS = 60_000;

function unheardOf({ report, reportedMs }: DeviceView, nowMs: number): string {
  if (report?.refusal !== undefined) {
    return `it refused the last document: ${report.refusal.code}: ${report.refusal.message}`;
  }
  const heardMs = Math.max(0, nowMs - (reportedMs ?? nowMs));
  return heardMs < REPORT_EXPECTED_MS
    ? ON_ITS_WAY
    : `it has not reported the deployment yet; its last report is ${Math.round(heardMs / 60_000)} min old`;
}

export const ON_ITS_WAY = "the deployment is on its way";
