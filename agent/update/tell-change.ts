import type { Refusal } from "../../protocol/trust/refusal.ts";
import { recordEvent, type RecordSink } from "../telemetry/event.ts";
import type { SlotChange } from "./run.ts";
import { answering, fallbackOf, refusalOfState, reportedPhase, wishOf, type SlotState } from "./state.ts";

/** What a change of a slot means to whoever reads the device's history. */
export function tellChange(sink: RecordSink, change: SlotChange): void {
  tellPhase(sink, change);
  tellRefusal(sink, change);
  tellTraffic(sink, change);
}

function tellPhase(sink: RecordSink, { slot, before, after }: SlotChange): void {
  const statement = wishOf(after)?.statement;
  if (reportedPhase(before) === reportedPhase(after) && wishOf(before)?.statement === statement) return;
  const phase = reportedPhase(after);
  const beside = after.phase === "soaking" ? after.traffic : undefined;
  recordEvent(sink, "phase-changed", {
    slot,
    phase,
    ...(statement === undefined ? {} : { statement }),
    ...(beside === undefined ? {} : { traffic: beside.kind, share: beside.share }),
  });
}

function tellRefusal(sink: RecordSink, { slot, before, after }: SlotChange): void {
  const refusal = refusalOfState(after);
  const statement = wishOf(after)?.statement;
  if (refusal === null || statement === undefined || refusalOfState(before) === refusal) return;
  recordEvent(sink, "bundle-refused", { slot, statement, code: refusal.code, message: refusal.message });
}

function tellTraffic(sink: RecordSink, { slot, before, after, event }: SlotChange): void {
  const from = answering(before);
  const to = answering(after);
  if (from?.statement === to?.statement) return;
  const isGone = event.kind === "not-restored" || (event.kind === "lost" && to === null);
  const why = isGone ? event.refusal : ownRefusal(before, after);
  if (why !== undefined && from !== null) {
    const fallback = fallbackOf(after);
    const fields = { slot, fromVersion: from.version, why: why.message };
    if (fallback === null) recordEvent(sink, "slot-cleared", fields);
    else recordEvent(sink, "rolled-back", { ...fields, version: fallback.version, statement: fallback.statement });
  } else if (to === null) recordEvent(sink, "slot-cleared", { slot });
  else if (event.kind !== "restored") {
    const fromVersion = from === null ? {} : { fromVersion: from.version };
    recordEvent(sink, "swapped", { slot, version: to.version, statement: to.statement, ...fromVersion });
  }
}

/** A candidate that was found bad, rather than superseded by another wish. */
function ownRefusal(before: SlotState, after: SlotState): Refusal | undefined {
  return before.phase === "soaking" && after.phase === "rolled-back" ? after.refusal : undefined;
}
