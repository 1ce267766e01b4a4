import type { RecordFields, RecordKind } from "../../protocol/messages/telemetry-batch.ts";
import type { DeviceEvent } from "./event.ts";

/** What goes first where room is short: the lower rank. Gap records never go: they are how a loss is known. */
export const RANK = { measurement: 0, event: 1, evidence: 2, gap: 3 } as const;
export type Rank = (typeof RANK)[keyof typeof RANK];

/** Events that say which model a device ran and why, and what became of telemetry itself: a loop of crashes must not push them out. */
const EVIDENCE: ReadonlySet<string> = new Set<DeviceEvent>([
  "deployment-accepted",
  "deployment-refused",
  "phase-changed",
  "bundle-refused",
  "swapped",
  "rolled-back",
  "slot-cleared",
  "database-damaged",
  "stream-sealed",
]);

export function rankOf(kind: RecordKind, { event }: RecordFields): Rank {
  if (kind === "gap") return RANK.gap;
  if (kind !== "event") return RANK.measurement;
  return typeof event === "string" && EVIDENCE.has(event) ? RANK.evidence : RANK.event;
}
