/** What one telemetry record says about one metric. */
import type { RecordFields } from "../../protocol/messages/telemetry-batch.ts";
import {
  checkInferenceFields,
  OUTCOME_PREFIX,
  type InferenceFields,
} from "../../protocol/messages/telemetry-inference.ts";
import { ProtocolError } from "../../protocol/protocol-error.ts";
import { Sketch } from "../../protocol/sketch.ts";
import { unreachable } from "../../protocol/unreachable.ts";
import type { Block } from "./block-series.ts";
import type { GateMeasure } from "./gate-metrics.ts";

/** A record of the version in question; those of other kinds than `inference` are of the time in which it answered. */
export interface MeasuredRecord {
  readonly kind: string;
  readonly fields: RecordFields;
}

/** What adds up; latencies and distributions do not. */
export type SummedMeasure = Exclude<GateMeasure, { kind: "latency" | "drift" }>;

/** Undefined where the record says nothing of it. */
export function blockOf(measure: SummedMeasure, { kind, fields }: MeasuredRecord): Block | undefined {
  if (measure.kind === "field") {
    const value = kind === measure.record ? fields[measure.field] : undefined;
    return typeof value === "number" && Number.isFinite(value) ? { total: value, weight: 1 } : undefined;
  }
  const inference = kind === "inference" ? inferenceOf(fields) : undefined;
  if (inference === undefined) return undefined;
  switch (measure.kind) {
    case "errors":
      return errorsOf(fields, inference, measure.against === "replaced");
    case "agreement": {
      const { agreementCompared: compared = 0, agreementSame: same = 0 } = inference;
      return { total: Math.max(0, compared - same), weight: compared };
    }
    case "accuracy": {
      const { feedbackJudged: judged = 0, feedbackRight: right = 0 } = inference;
      return { total: Math.max(0, judged - right), weight: judged };
    }
    case "crashes":
      return { total: inference.crashes ?? 0, weight: inference.intervalMs / 1_000 };
    default:
      return unreachable(measure);
  }
}

/** What the version or its runner did not do although it was asked rightly. */
const FAILURES: ReadonlySet<string> = new Set(["model-failed", "timed-out", "unavailable"]);
/** Turned away before the model saw it: whether the version is to blame shows only beside the one before it. */
const TURNED_AWAY = "queue-full";

/** Mistakes of the caller (`bad-request`, `unknown-version`) are neither failures nor requests here. */
function errorsOf(
  fields: RecordFields,
  { copiesAnswered = 0, copiesFailed = 0 }: InferenceFields,
  withTurnedAway: boolean,
): Block {
  // Of a shadow, copies are what requests are of the others.
  let [total, weight] = [copiesFailed, copiesFailed + copiesAnswered];
  for (const [name, count] of Object.entries(fields)) {
    if (!name.startsWith(OUTCOME_PREFIX) || typeof count !== "number" || count < 0) continue;
    const outcome = name.slice(OUTCOME_PREFIX.length);
    const isFailure = FAILURES.has(outcome) || (withTurnedAway && outcome === TURNED_AWAY);
    if (isFailure) total += count;
    if (isFailure || outcome === "answered") weight += count;
  }
  return { total, weight };
}

/** The times of the requests that were answered; undefined where there were none. */
export function latencyOf({ kind, fields }: MeasuredRecord): Sketch | undefined {
  const text = kind === "inference" ? inferenceOf(fields)?.inferSketch : undefined;
  return text === undefined ? undefined : ifSound(() => Sketch.fromText(text));
}

export function inferenceOf(fields: RecordFields): InferenceFields | undefined {
  return ifSound(() => checkInferenceFields(fields));
}

/** Undefined where a record cannot be read: it came from one device, and must not stop the others. */
function ifSound<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch (thrown) {
    if (thrown instanceof ProtocolError) return undefined;
    throw thrown;
  }
}
