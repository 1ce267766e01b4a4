/** What `inference` records add up to: of one version on one device over an hour, or of a whole fleet. */
import { ClassTally } from "./class-tally.ts";
import type { RecordFields } from "./messages/telemetry-batch.ts";
import { checkInferenceFields, OUTCOME_PREFIX, type InferenceFields } from "./messages/telemetry-inference.ts";
import { Sketch } from "./sketch.ts";

/** Outcomes kept apart: agents know about ten. More come from a device that makes names up, and count as `other`. */
const OUTCOMES_MAX = 32;
/** Kept apart while records are added up: a fleet whose devices see different classes. A record tells fewer. */
const CLASSES_MAX = 1_024;

/**
 * Adds up `inference` records of one slot and version; the order does not matter, and sums of sums are the sum of all.
 * `toFields` is an `inference` record again, so that a record that was summed on the way is read like any other. Fields
 * that this version of the program does not know are not summed.
 */
export class InferenceSum {
  /** Records, each counted as those that it was made of. */
  records = 0;
  /** Milliseconds that the records are about, added up: of several devices at a time, device milliseconds. */
  intervalMs = 0;
  /** Requests by how they ended, without OUTCOME_PREFIX. */
  readonly outcomes = new Map<string, number>();
  readonly counts: Record<InferenceCount, number> = zeroCounts();
  readonly sketches: Readonly<Record<InferenceSketch, Sketch>> = {
    queueSketch: new Sketch(),
    inferSketch: new Sketch(),
    preSketch: new Sketch(),
    postSketch: new Sketch(),
    batchSketch: new Sketch(),
  };
  /** Undefined where some compared answer differed by no number. */
  distanceMax: number | undefined = 0;
  /** Sum over `confidenceCount` answers. */
  confidenceSum = 0;
  /** Of `feedbackJudged` predictions, as far as the device told them by class. */
  readonly classes = new ClassTally(CLASSES_MAX);
  /** Sums over `feedbackMeasured` values. */
  absoluteSum = 0;
  squareSum = 0;

  /** Requests, however they ended. */
  get requests(): number {
    return [...this.outcomes.values()].reduce((sum, count) => sum + count, 0);
  }

  /** Requests that ended in anything but an answer. */
  get failed(): number {
    return this.requests - (this.outcomes.get("answered") ?? 0);
  }

  /** Throws SCHEMA or MALFORMED, and has added nothing then. */
  add(fields: RecordFields): void {
    const inference = checkInferenceFields(fields);
    const read = SKETCHES.map((name) => Sketch.readBins(inference[name] ?? ""));
    // Before anything else is added: it may throw.
    this.classes.addTexts(inference.feedbackClasses, inference.feedbackPairs);
    for (const [at, name] of SKETCHES.entries()) this.sketches[name].addBins(read[at] ?? []);
    this.confidenceSum += (inference.confidenceCount ?? 0) * (inference.confidenceMean ?? 0);
    this.records += inference.records ?? 1;
    this.intervalMs += inference.intervalMs;
    for (const name of COUNTS) this.counts[name] += inference[name] ?? 0;
    this.#addDistance(inference.agreementCompared ?? 0, inference.agreementDistanceMax);
    const measured = inference.feedbackMeasured ?? 0;
    this.absoluteSum += measured * (inference.feedbackAbsoluteMean ?? 0);
    this.squareSum += measured * (inference.feedbackSquareMean ?? 0);
    for (const name of Object.keys(fields)) {
      const count = fields[name];
      if (!name.startsWith(OUTCOME_PREFIX) || !Number.isSafeInteger(count)) continue;
      this.#addOutcome(name.slice(OUTCOME_PREFIX.length), Number(count));
    }
  }

  merge(other: InferenceSum): void {
    this.records += other.records;
    this.intervalMs += other.intervalMs;
    for (const name of SKETCHES) this.sketches[name].merge(other.sketches[name]);
    this.#addDistance(other.counts.agreementCompared, other.distanceMax);
    for (const name of COUNTS) this.counts[name] += other.counts[name];
    this.classes.merge(other.classes);
    this.confidenceSum += other.confidenceSum;
    this.absoluteSum += other.absoluteSum;
    this.squareSum += other.squareSum;
    for (const [outcome, count] of other.outcomes) this.#addOutcome(outcome, count);
  }

  /** An `inference` record with this content; zeros are left out. */
  toFields(slot: string, version: string | undefined): RecordFields {
    const { feedbackMeasured: measured, agreementCompared: compared, confidenceCount: confidences } = this.counts;
    const fields: InferenceFields = {
      slot,
      ...(version === undefined ? {} : { version }),
      records: this.records,
      intervalMs: this.intervalMs,
      ...Object.fromEntries(COUNTS.flatMap((name) => (this.counts[name] === 0 ? [] : [[name, this.counts[name]]]))),
      ...Object.fromEntries(
        SKETCHES.flatMap((name) => (this.sketches[name].count === 0 ? [] : [[name, this.sketches[name].toText()]])),
      ),
      ...(compared === 0 || this.distanceMax === undefined ? {} : { agreementDistanceMax: this.distanceMax }),
      ...(confidences === 0 ? {} : { confidenceMean: Math.min(1, this.confidenceSum / confidences) }),
      ...(this.classes.isEmpty ? {} : { feedbackClasses: this.classes.classesText() }),
      ...(this.classes.pairs().length === 0 ? {} : { feedbackPairs: this.classes.pairsText() }),
      ...(measured === 0
        ? {}
        : {
            feedbackAbsoluteMean: this.absoluteSum / measured,
            feedbackSquareMean: this.squareSum / measured,
          }),
    };
    const outcomes = [...this.outcomes].map(([outcome, count]) => [OUTCOME_PREFIX + outcome, count] as const);
    return { ...fields, ...Object.fromEntries(outcomes) };
  }

  #addOutcome(outcome: string, count: number): void {
    if (count <= 0) return;
    const name = this.outcomes.has(outcome) || this.outcomes.size < OUTCOMES_MAX ? outcome : "other";
    this.outcomes.set(name, (this.outcomes.get(name) ?? 0) + count);
  }

  #addDistance(compared: number, distance: number | undefined): void {
    if (compared === 0) return;
    this.distanceMax =
      this.distanceMax === undefined || distance === undefined ? undefined : Math.max(this.distanceMax, distance);
  }
}

const COUNTS = [
  "crashes",
  "copiesAnswered",
  "copiesFailed",
  "copiesDropped",
  "agreementCompared",
  "agreementSame",
  "confidenceCount",
  "feedbackJudged",
  "feedbackRight",
  "feedbackMeasured",
] as const satisfies readonly (keyof InferenceFields)[];
export type InferenceCount = (typeof COUNTS)[number];

const SKETCHES = ["queueSketch", "inferSketch", "preSketch", "postSketch", "batchSketch"] as const;
export type InferenceSketch = (typeof SKETCHES)[number];

function zeroCounts(): Record<InferenceCount, number> {
  return {
    crashes: 0,
    copiesAnswered: 0,
    copiesFailed: 0,
    copiesDropped: 0,
    agreementCompared: 0,
    agreementSame: 0,
    confidenceCount: 0,
    feedbackJudged: 0,
    feedbackRight: 0,
    feedbackMeasured: 0,
  };
}
