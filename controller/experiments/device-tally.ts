/** What both versions of an experiment did on one device, counted record by record. No I/O. */
import { Type, type Static } from "typebox";
import type { ModelName, ModelVersion } from "../../protocol/ids.ts";
import { OUTCOME_PREFIX, type InferenceFields } from "../../protocol/messages/telemetry-inference.ts";
import type { RecordFields } from "../../protocol/messages/telemetry-batch.ts";
import { gate } from "../../protocol/schema.ts";
import { Sketch } from "../../protocol/sketch.ts";
import { blockOf, inferenceOf, latencyOf } from "../rollout/measured-record.ts";
import type { StoredRecord } from "../telemetry/telemetry-record.ts";
import { ArmSeries, StoredSeries } from "./arm-series.ts";
import type { ExperimentMetric } from "./experiment-metrics.ts";

/** Whose records count. */
export interface Arms {
  readonly slot: ModelName;
  /** A: what serves. */
  readonly former: ModelVersion;
  /** B: what is tried beside it. */
  readonly candidate: ModelVersion;
}

type Arm = "a" | "b";

const StoredTally = Type.Object({
  /** Of each stream, the first record that has not been counted. */
  nextOf: Type.Record(Type.String(), Type.Integer()),
  /** Since when B answers beside A, by the device's clock; null while it does not. */
  splitSinceMs: Type.Union([Type.Number(), Type.Null()]),
  hasBegun: Type.Boolean(),
  /** Time that was counted. */
  splitMs: Type.Number(),
  crashes: Type.Object({ a: Type.Integer(), b: Type.Integer() }),
  sketches: Type.Object({ a: Type.String(), b: Type.String() }),
  requests: StoredSeries,
  metrics: Type.Record(Type.String(), StoredSeries),
});
const check = gate("stored tally of an experiment", StoredTally);

/** The part of the requests beyond a quantile without which it is a guess. */
const BEYOND_MIN = 5;
/** Clocks and sums of intervals are rounded. */
const ROUNDING_MS = 50;

export class DeviceTally {
  readonly nextOf = new Map<string, number>();
  readonly crashes: Record<Arm, number> = { a: 0, b: 0 };
  readonly sketches: Record<Arm, Sketch> = { a: new Sketch(), b: new Sketch() };
  /** Requests that went to each, as weights. */
  requests = new ArmSeries();
  splitMs = 0;
  readonly #metrics: readonly ExperimentMetric[];
  readonly #series: Map<string, ArmSeries>;
  #splitSinceMs: number | null = null;
  #hasBegun = false;

  constructor(metrics: readonly ExperimentMetric[]) {
    this.#metrics = metrics;
    this.#series = new Map(metrics.map(({ name }) => [name, new ArmSeries()]));
  }

  /** True while B answers beside A, as far as the device has told. */
  get isSplit(): boolean {
    return this.#splitSinceMs !== null;
  }

  seriesOf({ name }: ExperimentMetric): ArmSeries {
    return this.#series.get(name) ?? new ArmSeries();
  }

  /** In the order in which the device wrote them. */
  add(arms: Arms, { kind, atMs, fields }: Pick<StoredRecord, "kind" | "atMs" | "fields">): void {
    if (kind === "event") this.#noteEvent(arms, atMs, fields);
    if (kind !== "inference") return;
    const inference = inferenceOf(fields);
    const arm = inference === undefined ? undefined : armOf(arms, inference);
    if (inference === undefined || arm === undefined || !this.#hasBegun) return;
    // Truth counts when it comes; what came before B answered, or while it did not, does not.
    for (const metric of this.#metrics) if (isTruth(metric)) this.#count(metric, arm, atMs, fields, inference);
    if (this.#splitSinceMs === null || atMs - inference.intervalMs < this.#splitSinceMs - ROUNDING_MS) return;
    for (const metric of this.#metrics) if (!isTruth(metric)) this.#count(metric, arm, atMs, fields, inference);
    this.#countRequests(arm, atMs, fields, inference);
    const sketch = latencyOf({ kind, fields });
    if (sketch !== undefined) this.sketches[arm].merge(sketch);
  }

  toText(): string {
    const stored: Static<typeof StoredTally> = {
      nextOf: Object.fromEntries(this.nextOf),
      splitSinceMs: this.#splitSinceMs,
      hasBegun: this.#hasBegun,
      splitMs: this.splitMs,
      crashes: this.crashes,
      sketches: { a: this.sketches.a.toText(), b: this.sketches.b.toText() },
      requests: this.requests.toJSON(),
      metrics: Object.fromEntries([...this.#series].map(([name, series]) => [name, series.toJSON()])),
    };
    return JSON.stringify(stored);
  }

  static fromText(metrics: readonly ExperimentMetric[], text: string): DeviceTally {
    const stored = check(JSON.parse(text));
    const tally = new DeviceTally(metrics);
    for (const [stream, next] of Object.entries(stored.nextOf)) tally.nextOf.set(stream, next);
    tally.#splitSinceMs = stored.splitSinceMs;
    tally.#hasBegun = stored.hasBegun;
    tally.splitMs = stored.splitMs;
    Object.assign(tally.crashes, stored.crashes);
    tally.sketches.a.merge(Sketch.fromText(stored.sketches.a));
    tally.sketches.b.merge(Sketch.fromText(stored.sketches.b));
    tally.requests = ArmSeries.from(stored.requests);
    for (const [name, series] of Object.entries(stored.metrics)) tally.#series.set(name, ArmSeries.from(series));
    return tally;
  }

  /** The device says itself when the split begins and ends: what A did alone is no comparison. */
  #noteEvent({ slot }: Arms, atMs: number, fields: RecordFields): void {
    if (fields["event"] === "agent-started") this.#splitSinceMs = null;
    if (fields["event"] !== "phase-changed" || fields["slot"] !== slot) return;
    const isSplit = fields["phase"] === "soaking" && fields["traffic"] === "split";
    this.#splitSinceMs = isSplit ? atMs : null;
    this.#hasBegun ||= isSplit;
  }

  #count(metric: ExperimentMetric, arm: Arm, atMs: number, fields: RecordFields, inference: InferenceFields): void {
    const part = this.#partOf(metric, arm, fields, inference);
    if (part !== undefined && part.weight > 0) this.seriesOf(metric).add(atMs, armBlock(arm, part));
  }

  #partOf({ measure }: ExperimentMetric, arm: Arm, fields: RecordFields, inference: InferenceFields): Part | undefined {
    switch (measure.kind) {
      case "errors":
        return blockOf({ kind: "errors", against: "nothing" }, { kind: "inference", fields });
      case "accuracy": {
        const { feedbackJudged: judged = 0, feedbackRight: right = 0 } = inference;
        return { total: Math.min(right, judged), weight: judged };
      }
      case "absolute-error": {
        const { feedbackMeasured: measured = 0, feedbackAbsoluteMean: mean = 0 } = inference;
        return { total: measured * mean, weight: measured };
      }
      case "confidence": {
        const { confidenceCount: count = 0, confidenceMean: mean = 0 } = inference;
        return { total: count * mean, weight: count };
      }
      case "field": {
        const value = fields[measure.field];
        return typeof value === "number" && Number.isFinite(value) ? { total: value, weight: 1 } : undefined;
      }
      case "latency": {
        // Held against what was known before it: what is counted does not choose its own measure.
        const [whole, sketch] = [this.sketches[arm], latencyOf({ kind: "inference", fields })];
        const isKnown = whole.count * (1 - measure.quantile) >= BEYOND_MIN - 1e-9;
        const limit = isKnown ? whole.quantile(measure.quantile) : undefined;
        return sketch && limit !== undefined ? { total: sketch.countAbove(limit), weight: sketch.count } : undefined;
      }
    }
  }

  /** What B failed, A answered too: it was B's request all the same. */
  #countRequests(arm: Arm, atMs: number, fields: RecordFields, { intervalMs, crashes = 0 }: InferenceFields): void {
    const outcome = (name: string) => Math.max(0, Number(fields[OUTCOME_PREFIX + name] ?? 0)) || 0;
    const requests = ["answered", "model-failed", "timed-out", "unavailable"].reduce(
      (sum, name) => sum + outcome(name),
      0,
    );
    this.requests.add(atMs, armBlock(arm, { total: 0, weight: requests }));
    if (arm === "b" && outcome("model-failed") > 0) this.requests.add(atMs, { aWeight: -outcome("model-failed") });
    this.crashes[arm] += crashes;
    if (arm === "a") this.splitMs += intervalMs;
  }
}

interface Part {
  readonly total: number;
  readonly weight: number;
}

function armBlock(arm: Arm, { total, weight }: Part) {
  return arm === "a" ? { aTotal: total, aWeight: weight } : { bTotal: total, bWeight: weight };
}

function armOf({ slot, former, candidate }: Arms, inference: InferenceFields): Arm | undefined {
  if (inference.slot !== slot) return undefined;
  if (inference.version === former) return "a";
  return inference.version === candidate ? "b" : undefined;
}

function isTruth({ measure: { kind } }: ExperimentMetric): boolean {
  return kind === "accuracy" || kind === "absolute-error";
}
