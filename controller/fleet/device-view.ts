/** A device as planning, deciding and reporting see it. */
import type { DeviceId, Labels, ModelName } from "../../protocol/ids.ts";
import type { DeviceInfo } from "../../protocol/messages/device-info.ts";
import type { Report, SlotReport } from "../../protocol/trust/report.ts";
import type { StoredDeployment } from "./deployments.ts";

export interface DeviceView {
  readonly id: DeviceId;
  readonly online: boolean;
  /** When `online` last changed, by the controller's clock. */
  readonly onlineSinceMs: number;
  readonly firstSeenMs: number;
  readonly lastHeardMs: number;
  /** Its own, with the operator's over them. */
  readonly labels: Labels;
  readonly operatorLabels: Labels;
  /** Undefined until it has told its key and hardware. */
  readonly info: DeviceInfo | undefined;
  readonly report: Report | undefined;
  readonly reportedMs: number | undefined;
  readonly deployment: StoredDeployment | undefined;
}

export function slotReportOf(view: DeviceView, slot: ModelName): SlotReport | undefined {
  return view.report?.slots.find((report) => report.slot === slot);
}

/** True where the device holds a newer deployment than the controller remembers; see `recover-deployment.ts`. */
export function isAheadOfController({ report, deployment }: DeviceView): boolean {
  if (report === undefined) return false;
  const knownSeq = deployment?.seq ?? 0;
  return report.seq > knownSeq || (report.seq === knownSeq && report.refusal?.code === "deployment-equivocation");
}
