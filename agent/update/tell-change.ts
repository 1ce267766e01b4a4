import { recordEvent, type RecordSink } from "../telemetry/event.ts";
import type { SlotChange } from "./run.ts";
import { reportedPhase, wishOf } from "./state.ts";

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
  recordEvent(sink, "phase-changed", { slot, phase, ...(statement === undefined ? {} : { statement }) });
}

function tellRefusal(sink: RecordSink, { slot, before, after }: SlotChange): void {
  if (after.phase !== "failed" && after.phase !== "waiting") return;
  const { refusal, wish } = after;
  if (refusal === null || ("refusal" in before && before.refusal === refusal)) return;
  recordEvent(sink, "bundle-refused", {
    slot,
    statement: wish.statement,
    code: refusal.code,
    message: refusal.message,
  });
}

function tellTraffic(sink: RecordSink, { slot, before, after, event }: SlotChange): void {
  const from = before.active;
  const to = after.active;
  if (from?.statement === to?.statement) return;
  if (event.kind === "not-restored") {
    const { bundle, refusal } = event;
    const fallback = to ?? after.lastKnownGood;
    const fields = { slot, fromVersion: bundle.version, why: refusal.message };
    if (fallback === null) recordEvent(sink, "slot-cleared", fields);
    else recordEvent(sink, "rolled-back", { ...fields, version: fallback.version, statement: fallback.statement });
  } else if (to === null) recordEvent(sink, "slot-cleared", { slot });
  else if (event.kind === "activated") {
    const fromVersion = from === null ? {} : { fromVersion: from.version };
    recordEvent(sink, "swapped", { slot, version: to.version, statement: to.statement, ...fromVersion });
  }
}
