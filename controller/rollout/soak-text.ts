import type { SoakReport } from "../../protocol/trust/report.ts";
import { modeText } from "./mode-text.ts";

/** How a version does that soaks on a device, beside the former one where it does: `split: 10%, 90 requests, 1 failed (former: 910, 0 failed), 199 of 200 alike`. */
export function soakText({
  traffic,
  requests,
  failed,
  former,
  compared = 0,
  alike = 0,
  copiesDropped = 0,
}: SoakReport): string {
  const what = traffic?.kind === "shadow" ? "copies" : "requests";
  return [
    ...(traffic === undefined ? [] : [modeText(traffic)]),
    `${requests} ${what}, ${failed} failed${former === undefined ? "" : ` (former: ${former.requests}, ${former.failed} failed)`}`,
    ...(compared === 0 ? [] : [`${alike} of ${compared} alike`]),
    ...(copiesDropped === 0 ? [] : [`${copiesDropped} copies dropped`]),
  ].join(", ");
}
