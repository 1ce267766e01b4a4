import type { Clock } from "../../common/clock.ts";
import type { Log } from "../../common/log.ts";
import type { InferenceFields } from "../../protocol/messages/telemetry-inference.ts";
import { OUTCOME_PREFIX } from "../../protocol/messages/telemetry-inference.ts";
import { ClassTally } from "../../protocol/class-tally.ts";
import { Sketch } from "../../protocol/sketch.ts";
import type { CopyOutcome, InferenceObserver } from "../inference/inference-engine.ts";
import type { ProcessingObserver } from "../processing/media-predictor.ts";
import type { ModelName, ModelVersion } from "../../protocol/ids.ts";
import { confidenceOf } from "../monitor/confidence.ts";
import type { Judgement } from "../monitor/feedback.ts";
import { recordEvent, type RecordSink } from "./event.ts";

/** Sums up what the engine tells it, one `inference` record for each slot and version in an interval with traffic. */
export interface InferenceRecorder extends InferenceObserver {
  /** Of an answer to a picture or sound. */
  readonly processed: ProcessingObserver;
  /** The truth of a prediction has come: it counts in the interval in which it comes. */
  readonly judged: (slot: ModelName, version: ModelVersion, judgement: Judgement) => void;
  /** Flushes every interval, and once more when it ends. */
  readonly run: (signal: AbortSignal) => Promise<void>;
  readonly flush: () => void;
}

export interface InferenceRecorderPorts {
  readonly outbox: RecordSink;
  readonly clock: Clock;
  readonly log: Log;
  readonly intervalMs?: number;
}

/** As often as a page that calls itself live is drawn; a SIGKILL loses the sums of at most this time. */
const INTERVAL_MS = 10_000;
/** A version that begins to soak is judged by its first answers, and the sooner it is the fewer callers get a bad one. */
const FIRST_ANSWERS_INTERVAL_MS = 2_000;
/** How long a comparison counts as begun: one that goes on for days would else cost five times the telemetry. */
const FIRST_ANSWERS_MS = 120_000;
/** Slots times versions in one interval: 16 slots with an old and a new version, twice over. */
const TALLIES_MAX = 64;
interface Tally {
  readonly slot: string;
  readonly version: string;
  readonly outcomes: Map<string, number>;
  readonly queueMs: Sketch;
  readonly inferMs: Sketch;
  /** Of answers to pictures and sounds. */
  readonly preMs: Sketch;
  readonly postMs: Sketch;
  /** Requests computed together, one entry for each run of the model. */
  readonly batches: Sketch;
  /** Of these, the largest. */
  batchMax: number;
  crashes: number;
  /** Of a shadow. */
  readonly copies: Record<CopyOutcome["kind"], number>;
  /** Requests that the former version computed too, and those that both answered alike. */
  compared: number;
  same: number;
  /** Undefined once an answer differed by no number. */
  distanceMax: number | undefined;
  /** Answers that chose a class. */
  confidences: number;
  confidenceSum: number;
  /** Classes of which the truth came, and values. */
  judged: number;
  right: number;
  readonly classes: ClassTally;
  measured: number;
  absoluteSum: number;
  squareSum: number;
}

export function createInferenceRecorder(ports: InferenceRecorderPorts): InferenceRecorder {
  const { outbox, clock, log, intervalMs = INTERVAL_MS } = ports;
  const tallies = new Map<string, Tally>();
  let sinceMs = clock.monotonicMs();
  /** When a comparison of versions began; undefined while there is none. */
  let comparingSinceMs: number | undefined;

  function tallyOf(slot: string, version: string): Tally {
    const key = `${slot} ${version}`;
    const known = tallies.get(key);
    if (known !== undefined) return known;
    if (tallies.size >= TALLIES_MAX) flush();
    const tally: Tally = {
      slot,
      version,
      outcomes: new Map(),
      queueMs: new Sketch(),
      inferMs: new Sketch(),
      preMs: new Sketch(),
      postMs: new Sketch(),
      batches: new Sketch(),
      batchMax: 0,
      crashes: 0,
      copies: { answered: 0, failed: 0, dropped: 0 },
      compared: 0,
      same: 0,
      distanceMax: 0,
      confidences: 0,
      confidenceSum: 0,
      judged: 0,
      right: 0,
      classes: new ClassTally(),
      measured: 0,
      absoluteSum: 0,
      squareSum: 0,
    };
    tallies.set(key, tally);
    return tally;
  }

  function flush(): void {
    const nowMs = clock.monotonicMs();
    const isComparing = [...tallies.values()].some(({ compared }) => compared > 0);
    comparingSinceMs = isComparing ? (comparingSinceMs ?? nowMs) : undefined;
    for (const tally of tallies.values()) outbox.append("inference", fieldsOf(tally, nowMs - sinceMs));
    tallies.clear();
    sinceMs = nowMs;
  }

  function isDue(): boolean {
    const nowMs = clock.monotonicMs();
    if (nowMs - sinceMs >= intervalMs - FIRST_ANSWERS_INTERVAL_MS / 2) return true;
    if (comparingSinceMs !== undefined && nowMs - comparingSinceMs >= FIRST_ANSWERS_MS) return false;
    return [...tallies.values()].some(({ compared }) => compared > 0);
  }

  return {
    answered: (slot, { version, queueMs, inferMs, outputs }) => {
      const tally = tallyOf(slot, version);
      const confidence = confidenceOf(outputs);
      if (confidence !== undefined) {
        tally.confidences += 1;
        tally.confidenceSum += confidence;
      }
      count(tally, "answered");
      tally.queueMs.add(queueMs);
      tally.inferMs.add(inferMs);
    },
    failed: (slot, failure, version) => {
      count(tallyOf(slot, version), failure);
    },
    executed: (slot, version, { requests }) => {
      const tally = tallyOf(slot, version);
      tally.batches.add(requests);
      tally.batchMax = Math.max(tally.batchMax, requests);
    },
    crashed: (slot, version, why) => {
      tallyOf(slot, version).crashes += 1;
      log.warn({ slot, version, why }, "a runner process ended by itself");
      recordEvent(outbox, "runner-crashed", { slot, version, why });
    },
    compared: (slot, version, { isSame, distance }) => {
      const tally = tallyOf(slot, version);
      tally.compared += 1;
      if (isSame) tally.same += 1;
      const { distanceMax } = tally;
      tally.distanceMax =
        distance === undefined || distanceMax === undefined ? undefined : Math.max(distance, distanceMax);
    },
    copied: (slot, version, outcome) => {
      const tally = tallyOf(slot, version);
      tally.copies[outcome.kind] += 1;
      if (outcome.kind === "answered" && outcome.inferMs !== undefined) tally.inferMs.add(outcome.inferMs);
    },
    processed: (slot, version, { preMs, postMs }) => {
      const tally = tallyOf(slot, version);
      tally.preMs.add(preMs);
      tally.postMs.add(postMs);
    },
    judged: (slot, version, judgement) => {
      const tally = tallyOf(slot, version);
      if (judgement.kind === "class") {
        tally.judged += 1;
        if (judgement.predicted === judgement.actual) tally.right += 1;
        tally.classes.note(judgement.predicted, judgement.actual);
        return;
      }
      tally.measured += 1;
      tally.absoluteSum += judgement.absolute;
      tally.squareSum += judgement.square;
    },
    flush,
    run: async (signal) => {
      while (!signal.aborted) {
        await clock.sleep(Math.min(intervalMs, FIRST_ANSWERS_INTERVAL_MS), signal);
        if (isDue()) flush();
      }
      flush();
    },
  };
}

function count(tally: Tally, outcome: string): void {
  tally.outcomes.set(outcome, (tally.outcomes.get(outcome) ?? 0) + 1);
}

function fieldsOf(tally: Tally, intervalMs: number) {
  const { slot, version, outcomes, queueMs, inferMs, preMs, postMs, batches, batchMax, crashes, copies } = tally;
  const { compared, same, distanceMax } = tally;
  const { confidences, confidenceSum, judged, right, classes, measured, absoluteSum, squareSum } = tally;
  const fields: InferenceFields = {
    slot,
    version,
    intervalMs: Math.round(intervalMs),
    ...(crashes === 0 ? {} : { crashes }),
    ...(queueMs.count === 0 ? {} : { queueSketch: queueMs.toText() }),
    ...(inferMs.count === 0 ? {} : { inferSketch: inferMs.toText() }),
    ...(copies.answered === 0 ? {} : { copiesAnswered: copies.answered }),
    ...(copies.failed === 0 ? {} : { copiesFailed: copies.failed }),
    ...(copies.dropped === 0 ? {} : { copiesDropped: copies.dropped }),
    ...(preMs.count === 0 ? {} : { preSketch: preMs.toText() }),
    ...(postMs.count === 0 ? {} : { postSketch: postMs.toText() }),
    ...(batchMax <= 1 ? {} : { batchSketch: batches.toText() }),
    ...(compared === 0 ? {} : { agreementCompared: compared, agreementSame: same }),
    ...(compared === 0 || distanceMax === undefined ? {} : { agreementDistanceMax: distanceMax }),
    ...(confidences === 0 ? {} : { confidenceCount: confidences, confidenceMean: confidenceSum / confidences }),
    ...(judged === 0 ? {} : { feedbackJudged: judged, feedbackRight: right, feedbackClasses: classes.classesText() }),
    ...(judged === right ? {} : { feedbackPairs: classes.pairsText() }),
    ...(measured === 0
      ? {}
      : {
          feedbackMeasured: measured,
          feedbackAbsoluteMean: absoluteSum / measured,
          feedbackSquareMean: squareSum / measured,
        }),
  };
  const counts = [...outcomes].map(([outcome, times]) => [OUTCOME_PREFIX + outcome, times] as const);
  return { ...fields, ...Object.fromEntries(counts) };
}
