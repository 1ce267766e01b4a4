import { Type, type Static } from "typebox";
import type { RecordFields, RecordKind } from "../../protocol/messages/telemetry-batch.ts";

/** How finely measurements are sent, the finest first. Events and evidence are sent at once, whatever it is. */
export const Detail = Type.Union([
  Type.Literal("raw"),
  Type.Literal("roll-up"),
  Type.Literal("sketch"),
  Type.Literal("counters"),
]);
export type Detail = Static<typeof Detail>;

export interface DataSituation {
  /** The link is paid for by its bytes: never finer than by the hour. */
  readonly isMetered: boolean;
  /** Of a month; undefined: no bound. */
  readonly budgetBytes: number | undefined;
  /** This month, both ways. */
  readonly usedBytes: number;
  /** The share of this month that has passed, 0 to 1. */
  readonly monthPassed: number;
}

/** What is left of the budget, as a share of what an even use would have left: below this, measurements are told less finely. */
const ROLL_UP_BELOW = 0.9;
const SKETCH_BELOW = 0.5;
const COUNTERS_BELOW = 0.2;

/** Pure. Goes back by itself when time catches up with use, and with the next month. */
export function decideDetail({ isMetered, budgetBytes, usedBytes, monthPassed }: DataSituation): Detail {
  if (budgetBytes === undefined) return isMetered ? "roll-up" : "raw";
  const left = Math.max(0, 1 - usedBytes / budgetBytes);
  const timeLeft = 1 - monthPassed;
  if (left < COUNTERS_BELOW * timeLeft) return "counters";
  if (left < SKETCH_BELOW * timeLeft) return "sketch";
  return isMetered || left < ROLL_UP_BELOW * timeLeft ? "roll-up" : "raw";
}

export interface Condensing {
  /** Measurements wait so long, and are added up over so long a stretch. */
  readonly spanMs: number;
  /** Leaves out of an added-up record what is not sent; gives the same fields where that is nothing. */
  readonly reduce: (kind: RecordKind, fields: RecordFields) => RecordFields;
}

/** Undefined for `raw`: nothing waits, nothing is added up. `hourMs`: an hour, shorter where it is measured what is sent. */
export function condensingOf(detail: Detail, hourMs: number): Condensing | undefined {
  switch (detail) {
    case "raw":
      return undefined;
    case "roll-up":
      return { spanMs: hourMs, reduce: withoutIdleExtremes };
    case "sketch":
      return { spanMs: 6 * hourMs, reduce: withoutExtremes };
    case "counters":
      return { spanMs: 24 * hourMs, reduce: (kind, fields) => withoutSketches(kind, withoutExtremes(kind, fields)) };
  }
}

/** Of what only grows, least and greatest are near the mean; where it begins anew an event tells why. A quarter of an idle device's record. */
const GROWING: ReadonlySet<string> = new Set([
  "uptimeSeconds",
  "agentUptimeSeconds",
  "diskWrittenBytes",
  "dataUsedBytes",
  "linkConnections",
  "linkSentBytes",
  "linkReceivedBytes",
]);

/** A number without extremes was always its mean, or only grows. Of an idle device these are most of the record. */
function withoutIdleExtremes(kind: RecordKind, fields: RecordFields): RecordFields {
  if (kind !== "health") return fields;
  const kept = Object.entries(fields).filter(([name, value]) => {
    const [, measure] = /^(.*)\.(?:min|max)$/.exec(name) ?? [];
    return measure === undefined || (fields[measure] !== value && !GROWING.has(measure));
  });
  return kept.length === Object.keys(fields).length ? fields : Object.fromEntries(kept);
}

function withoutExtremes(kind: RecordKind, fields: RecordFields): RecordFields {
  return kind === "health" ? without(fields, /\.(min|max)$/) : fields;
}

/** Counts of requests, crashes, judgements and anomalous examples stay. */
function withoutSketches(kind: RecordKind, fields: RecordFields): RecordFields {
  if (kind === "inference") return without(fields, /Sketch$/);
  if (kind !== "distribution") return fields;
  const counted = without(fields, /^(valueSketch|categories)$/);
  // Whoever reads this must not take it for a distribution of nothing.
  return counted === fields ? fields : { ...counted, untold: fields["count"] ?? 0 };
}

function without(fields: RecordFields, names: RegExp): RecordFields {
  const kept = Object.entries(fields).filter(([name]) => !names.test(name));
  return kept.length === Object.keys(fields).length ? fields : Object.fromEntries(kept);
}
