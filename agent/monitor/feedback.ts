import type { Clock } from "../../common/clock.ts";
import type { ModelName, ModelVersion, StatementDigest } from "../../protocol/ids.ts";
import { FEEDBACK_PROBLEMS_MAX, type FeedbackAnswer, type FeedbackEntry } from "../../protocol/messages/feedback.ts";
import { readLabels } from "../../common/processing/bundle-labels.ts";
import type { InferenceEngine, VerifiedBundle } from "../inference/inference-engine.ts";
import { FeedbackScore, type Classified, type Measured } from "./feedback-score.ts";
import {
  PREDICTION_AGE_MS_MAX,
  PREDICTIONS_MAX,
  PredictionWindow,
  type RememberedPrediction,
} from "./prediction-window.ts";
import { predictedOf } from "./predicted.ts";

/** One truth that was counted; classes by their labels, or by their indices where the bundle has none. */
export type Judgement =
  | { readonly kind: "class"; readonly predicted: string; readonly actual: string }
  /** Means over the values of the prediction. */
  | { readonly kind: "values"; readonly absolute: number; readonly square: number };

export interface FeedbackPorts {
  readonly engine: Pick<InferenceEngine, "observe">;
  /** Called synchronously for each truth that was counted; must not throw. */
  readonly onJudged?: (slot: ModelName, version: ModelVersion, judgement: Judgement) => void;
  readonly clock: Clock;
}

export interface VersionFeedback {
  readonly slot: ModelName;
  readonly version: ModelVersion;
  readonly classified: Classified | undefined;
  readonly measured: Measured | undefined;
  /** By the index of a class; empty where the bundle has none. */
  readonly labels: readonly string[];
}

export interface Feedback extends Disposable {
  readonly take: (slot: ModelName, entries: readonly FeedbackEntry[]) => Promise<FeedbackAnswer>;
  /** Each version of which truth was counted since the agent started; of all slots without a name. */
  readonly of: (slot?: ModelName) => readonly VersionFeedback[];
  readonly window: () => { readonly predictions: number; readonly bytes: number };
}

/** Slots times versions; the one of which truth came least recently is forgotten first. */
const VERSIONS_MAX = 64;

interface Version {
  readonly slot: ModelName;
  readonly version: ModelVersion;
  readonly score: FeedbackScore;
  readonly labels: readonly string[];
}

/** Remembers what is predicted under an id, from here on until it is disposed of, and holds truth against it. */
export function openFeedback({ engine, onJudged, clock }: FeedbackPorts): Feedback {
  const window = new PredictionWindow();
  const versions = new Map<StatementDigest, Version>();
  /** Read while the bundle serves: truth may come when it does not any more. */
  const labels = new Map<StatementDigest, Promise<readonly string[]>>();
  const startedMs = clock.nowMs();

  const observing = engine.observe({
    answered: (slot, { id, version, statement, bundle, outputs }) => {
      if (id === undefined) return;
      const predicted = predictedOf(outputs);
      if (predicted === undefined) return;
      keepLabels(bundle);
      window.remember({ slot, id, version, statement, predicted, atMs: clock.monotonicMs() });
    },
    failed: () => undefined,
    crashed: () => undefined,
  });

  function keepLabels(bundle: VerifiedBundle): void {
    if (labels.has(bundle.statement)) return;
    labels.set(
      bundle.statement,
      readLabels(bundle).catch(() => []),
    );
    const [oldest] = labels.keys();
    if (labels.size > VERSIONS_MAX && oldest !== undefined) labels.delete(oldest);
  }

  async function versionOf({ slot, version, statement }: RememberedPrediction): Promise<Version> {
    const known = versions.get(statement) ?? {
      slot,
      version,
      score: new FeedbackScore(),
      labels: (await labels.get(statement)) ?? [],
    };
    // In the order of use, so that the first one is the one to forget.
    versions.delete(statement);
    versions.set(statement, known);
    const [oldest] = versions.keys();
    if (versions.size > VERSIONS_MAX && oldest !== undefined) versions.delete(oldest);
    return known;
  }

  /** Undefined where it was counted, else why it does not fit. */
  function judge(of: Version, { predicted }: RememberedPrediction, entry: FeedbackEntry): string | undefined {
    if (predicted.kind === "class") {
      const actual = "label" in entry ? indexOf(entry.label, of.labels) : undefined;
      if (actual === undefined) return labelNeeded(entry, of.labels);
      of.score.addClass(predicted.index, actual);
      const name = (index: number) => of.labels[index] ?? String(index);
      onJudged?.(of.slot, of.version, { kind: "class", predicted: name(predicted.index), actual: name(actual) });
      return undefined;
    }
    const actual = valuesIn(entry);
    if (actual?.length !== predicted.values.length) {
      const count = predicted.values.length;
      return `The prediction is ${count === 1 ? "a number: give value" : `${count} numbers: give as many values`}`;
    }
    const errors = of.score.addValues(predicted.values, actual);
    onJudged?.(of.slot, of.version, { kind: "values", ...errors });
    return undefined;
  }

  async function takeOne(slot: ModelName, entry: FeedbackEntry): Promise<Outcome> {
    const joined = window.join(slot, entry.id, clock.monotonicMs());
    if (joined.kind === "unknown") return { kind: "unknown", why: unknownText(startedMs) };
    if (joined.kind === "duplicate") return { kind: "duplicate" };
    const version = await versionOf(joined.prediction);
    // While labels were read, the same truth may have come again.
    if (window.join(slot, entry.id, clock.monotonicMs()).kind !== "joined") return { kind: "duplicate" };
    const why = judge(version, joined.prediction, entry);
    if (why !== undefined) return { kind: "unfit", why };
    window.judged(slot, entry.id);
    return { kind: "joined" };
  }

  return {
    take: async (slot, entries) => {
      const answer = { joined: 0, duplicate: 0, unknown: 0, unfit: 0 };
      const problems: { id: string; why: string }[] = [];
      for (const entry of entries) {
        const outcome = await takeOne(slot, entry);
        answer[outcome.kind] += 1;
        if ("why" in outcome && problems.length < FEEDBACK_PROBLEMS_MAX)
          problems.push({ id: entry.id, why: outcome.why });
      }
      return { ...answer, problems };
    },
    of: (slot) =>
      [...versions.values()]
        .filter((one) => slot === undefined || one.slot === slot)
        .map(({ score, ...one }) => ({ ...one, classified: score.classified(), measured: score.measured() })),
    window: () => ({ predictions: window.size, bytes: window.bytes }),
    [Symbol.dispose]: () => {
      observing[Symbol.dispose]();
    },
  };
}

type Outcome = { readonly kind: "joined" | "duplicate" } | { readonly kind: "unknown" | "unfit"; readonly why: string };

/** By name first: a class may be called by the number of another. */
function indexOf(label: string | number, labels: readonly string[]): number | undefined {
  if (typeof label === "number") return label;
  const named = labels.indexOf(label);
  if (named >= 0) return named;
  return labels.length === 0 && /^\d{1,9}$/.test(label) ? Number(label) : undefined;
}

function valuesIn(entry: FeedbackEntry): readonly number[] | undefined {
  if ("values" in entry) return entry.values;
  return "value" in entry ? [entry.value] : undefined;
}

function labelNeeded(entry: FeedbackEntry, labels: readonly string[]): string {
  const [few, more] = [labels.slice(0, 10), labels.length > 10 ? ", …" : ""];
  const known = labels.length === 0 ? "its index, counted from 0" : `one of ${few.join(", ")}${more}`;
  return "label" in entry
    ? `The model has no class ${JSON.stringify(entry.label)}: give ${known}`
    : `The prediction is a class: give its label, ${known}`;
}

function unknownText(startedMs: number): string {
  const hours = PREDICTION_AGE_MS_MAX / 3_600_000;
  const since = new Date(startedMs).toISOString().replace(/\.\d+Z$/, "Z");
  return `No prediction with this id is remembered here: the last ${PREDICTIONS_MAX} with an id of the last ${hours} hours are, since the agent started at ${since}`;
}
