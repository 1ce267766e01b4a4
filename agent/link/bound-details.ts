import type { SlotReport } from "../../protocol/trust/report.ts";

/**
 * What the sentences and figures beside the evidence may take in one report, as JSON. 16 slots with their refusals take 30 kB
 * at most, and a signed report of 48 kB is 64 kB in base64, which is one publish.
 */
export const DETAIL_BYTES_MAX = 16_384;

/** The same reports; from the slot on whose details do not fit any more, they go without. */
export function boundDetails(reports: readonly SlotReport[]): SlotReport[] {
  let leftBytes = DETAIL_BYTES_MAX;
  return reports.map((report) => {
    const { active } = report;
    if (active === undefined) return report;
    const { failedProviders, variants, ...evidence } = active.evidence;
    // What a rollout counts by stays whatever it takes: at most 400 bytes a slot.
    if (active.params !== undefined) leftBytes -= Buffer.byteLength(JSON.stringify(active.params));
    if (failedProviders === undefined && variants === undefined) return report;
    leftBytes -= Buffer.byteLength(JSON.stringify({ failedProviders, variants }));
    return leftBytes >= 0 ? report : { ...report, active: { ...active, evidence } };
  });
}
