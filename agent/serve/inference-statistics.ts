/** What each version has done since the agent started, as OIP v2's statistics extension tells it. */
import type { InferenceEngine } from "../inference/inference-engine.ts";

export interface InferenceStatistics extends Disposable {
  /** One entry for each version of the slot that was asked since the start; of all slots without a name. */
  readonly of: (slot?: string) => readonly ModelStatistics[];
}

/** Triton's words; times in nanoseconds, `last_inference` in milliseconds since 1970. */
export interface ModelStatistics {
  readonly name: string;
  readonly version: string;
  readonly last_inference: number;
  readonly inference_count: number;
  readonly execution_count: number;
  readonly inference_stats: Readonly<Record<StatisticsPart, Duration>>;
  /** By the number of requests that were computed together; empty while each was computed alone. */
  readonly batch_stats: readonly BatchStatistics[];
  /** Of a version that soaked: beyond Triton's own fields. */
  readonly soak?: SoakStatistics;
}

interface BatchStatistics {
  readonly batch_size: number;
  readonly compute_input: Duration;
  readonly compute_infer: Duration;
  readonly compute_output: Duration;
}

interface SoakStatistics {
  /** Copies of requests that another version answered. */
  copies_answered: number;
  copies_failed: number;
  copies_dropped: number;
  /** Requests that the version that it is to replace computed too, and those that both answered alike. */
  compared: number;
  alike: number;
}

type StatisticsPart =
  "success" | "fail" | "queue" | "compute_input" | "compute_infer" | "compute_output" | "cache_hit" | "cache_miss";

interface Duration {
  readonly count: number;
  readonly ns: number;
}

interface Sums {
  readonly slot: string;
  readonly version: string;
  lastMs: number;
  answered: number;
  failed: number;
  queueMs: number;
  inferMs: number;
  readonly soak: SoakStatistics;
  /** By the number of requests that were computed together. */
  readonly executions: Map<number, { count: number; inferMs: number }>;
}

/** Slots times versions; the one that was asked least recently is forgotten first. */
const VERSIONS_MAX = 64;
const NS_PER_MS = 1e6;
const NONE: Duration = { count: 0, ns: 0 };

/** Listens to the engine until disposed of. */
export function openInferenceStatistics(engine: Pick<InferenceEngine, "observe" | "slots">): InferenceStatistics {
  const sums = new Map<string, Sums>();

  function sumsOf(slot: string, version: string): Sums {
    const key = `${slot} ${version}`;
    const known = sums.get(key) ?? newSums(slot, version);
    // In the order of use, so that the first one is the one to forget.
    sums.delete(key);
    sums.set(key, known);
    const [oldest] = sums.keys();
    if (sums.size > VERSIONS_MAX && oldest !== undefined) sums.delete(oldest);
    return known;
  }

  const observing = engine.observe({
    answered: (slot, { version, queueMs, inferMs }) => {
      const of = sumsOf(slot, version);
      of.lastMs = Date.now();
      of.answered += 1;
      of.queueMs += queueMs;
      of.inferMs += inferMs;
    },
    failed: (slot, _failure, version) => {
      sumsOf(slot, version).failed += 1;
    },
    executed: (slot, version, { requests, inferMs }) => {
      const { executions } = sumsOf(slot, version);
      const { count = 0, inferMs: spentMs = 0 } = executions.get(requests) ?? {};
      executions.set(requests, { count: count + 1, inferMs: spentMs + inferMs });
    },
    crashed: () => undefined,
    copied: (slot, version, outcome) => {
      sumsOf(slot, version).soak[`copies_${outcome.kind}`] += 1;
    },
    compared: (slot, version, { isSame }) => {
      const { soak } = sumsOf(slot, version);
      soak.compared += 1;
      if (isSame) soak.alike += 1;
    },
  });

  return {
    of: (slot) => {
      for (const { slot: name, bundle, trial } of engine.slots()) {
        for (const one of [bundle, trial?.bundle]) if (one !== undefined) sumsOf(name, one.model.version);
      }
      return [...sums.values()].filter((one) => slot === undefined || one.slot === slot).map(statisticsOf);
    },
    [Symbol.dispose]: () => {
      observing[Symbol.dispose]();
    },
  };
}

function newSums(slot: string, version: string): Sums {
  const executions: Sums["executions"] = new Map();
  const soak = { copies_answered: 0, copies_failed: 0, copies_dropped: 0, compared: 0, alike: 0 };
  return { slot, version, lastMs: 0, answered: 0, failed: 0, queueMs: 0, inferMs: 0, executions, soak };
}

function statisticsOf(sums: Sums): ModelStatistics {
  const { slot, version, lastMs, answered, failed, queueMs, inferMs, executions, soak } = sums;
  const spent = (ms: number): Duration => ({ count: answered, ns: Math.round(ms * NS_PER_MS) });
  return {
    name: slot,
    version,
    last_inference: lastMs,
    inference_count: answered,
    execution_count: [...executions.values()].reduce((sum, { count }) => sum + count, 0),
    inference_stats: {
      success: spent(queueMs + inferMs),
      fail: { count: failed, ns: 0 },
      queue: spent(queueMs),
      // The runner copies the tensors in and out within the time that is measured as its own.
      compute_input: spent(0),
      compute_infer: spent(inferMs),
      compute_output: spent(0),
      cache_hit: NONE,
      cache_miss: NONE,
    },
    batch_stats: batchStatistics(executions),
    ...(Object.values(soak).some((count) => count > 0) ? { soak: { ...soak } } : {}),
  };
}

function batchStatistics(executions: Sums["executions"]): BatchStatistics[] {
  if ([...executions.keys()].every((requests) => requests === 1)) return [];
  return [...executions]
    .sort(([a], [b]) => a - b)
    .map(([batch_size, { count, inferMs }]) => ({
      batch_size,
      compute_input: { count, ns: 0 },
      compute_infer: { count, ns: Math.round(inferMs * NS_PER_MS) },
      compute_output: { count, ns: 0 },
    }));
}
