import { Counter, Gauge, Histogram, Registry } from "prom-client";
import type { InferenceEngine } from "../inference/inference-engine.ts";
import type { MediaPredictor } from "../processing/media-predictor.ts";
import type { Feedback, VersionFeedback } from "../monitor/feedback.ts";
import { HttpError, type HttpHandler } from "./http-answer.ts";
import type { InferenceStatistics } from "./inference-statistics.ts";
import { tritonMetrics } from "./triton-metrics.ts";

/** What Prometheus reads of this agent; it listens to the engine until disposed of. */
export interface PredictionMetrics extends Disposable {
  readonly contentType: string;
  readonly text: () => Promise<string>;
}

/** Seconds: from a linear model in the cache to a network that a small board needs seconds for. */
const BUCKETS = [0.000_1, 0.000_25, 0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10];

/** Requests: by doubling, as batches are made smaller and larger. */
const BATCH_BUCKETS = [1, 2, 4, 8, 16, 32, 64, 128];

/** Series grow with the versions that served since the agent started, and start anew with it. */
export function openPredictionMetrics(
  engine: Pick<InferenceEngine, "observe" | "gauges" | "slots">,
  {
    predictor,
    feedback,
  }: { readonly predictor: Pick<MediaPredictor, "observe">; readonly feedback: Pick<Feedback, "of"> },
): PredictionMetrics {
  const registry = new Registry();
  const registers = [registry];
  const labelNames = ["slot", "version"] as const;
  const requests = new Counter({
    name: "ferry_agent_requests_total",
    help: "Requests for a prediction, by how they ended: answered, or why not.",
    labelNames: [...labelNames, "outcome"],
    registers,
  });
  const inference = new Histogram({
    name: "ferry_agent_inference_seconds",
    help: "The model's own time for one request.",
    labelNames,
    buckets: BUCKETS,
    registers,
  });
  const queue = new Histogram({
    name: "ferry_agent_queue_seconds",
    help: "Time of an answered request apart from the model's own.",
    labelNames,
    buckets: BUCKETS,
    registers,
  });
  const preprocessing = new Histogram({
    name: "ferry_agent_preprocessing_seconds",
    help: "From a picture or sound to its tensors, the wait for the decoder included.",
    labelNames,
    buckets: BUCKETS,
    registers,
  });
  const postprocessing = new Histogram({
    name: "ferry_agent_postprocessing_seconds",
    help: "From the outputs for a picture or sound to their labels, boxes or segments.",
    labelNames,
    buckets: BUCKETS,
    registers,
  });
  const batches = new Histogram({
    name: "ferry_agent_batch_requests",
    help: "Requests that the model computed together.",
    labelNames,
    buckets: BATCH_BUCKETS,
    registers,
  });
  const crashes = new Counter({
    name: "ferry_agent_runner_crashes_total",
    help: "Runner processes that ended by themselves.",
    labelNames,
    registers,
  });
  const copies = new Counter({
    name: "ferry_agent_shadow_copies_total",
    help: "Copies of answered requests for a version that soaks as a shadow: answered, failed, or dropped for want of time.",
    labelNames: [...labelNames, "outcome"],
    registers,
  });
  const compared = new Counter({
    name: "ferry_agent_compared_total",
    help: "Requests that a soaking version and the one that it is to replace both computed, by whether they agree.",
    labelNames: [...labelNames, "agrees"],
    registers,
  });
  addRunnerGauges(registry, engine);
  addModelInfo(registry, engine);
  addFeedback(registry, feedback);
  addProcessMemory(registry);

  const observing = engine.observe({
    answered: (slot, { version, queueMs, inferMs }) => {
      requests.inc({ slot, version, outcome: "answered" });
      inference.observe({ slot, version }, inferMs / 1_000);
      queue.observe({ slot, version }, queueMs / 1_000);
    },
    failed: (slot, failure, version) => {
      requests.inc({ slot, version, outcome: failure });
    },
    executed: (slot, version, { requests: together }) => {
      batches.observe({ slot, version }, together);
    },
    crashed: (slot, version) => {
      crashes.inc({ slot, version });
    },
    copied: (slot, version, outcome) => {
      copies.inc({ slot, version, outcome: outcome.kind });
      if (outcome.kind === "answered" && outcome.inferMs !== undefined) {
        inference.observe({ slot, version }, outcome.inferMs / 1_000);
      }
    },
    compared: (slot, version, { isSame }) => {
      compared.inc({ slot, version, agrees: String(isSame) });
    },
  });
  const processing = predictor.observe((slot, version, { preMs, postMs }) => {
    preprocessing.observe({ slot, version }, preMs / 1_000);
    postprocessing.observe({ slot, version }, postMs / 1_000);
  });
  return {
    contentType: registry.contentType,
    text: () => registry.metrics(),
    [Symbol.dispose]: () => {
      observing[Symbol.dispose]();
      processing[Symbol.dispose]();
    },
  };
}

/** With `?compat=triton` under Triton's names besides, for dashboards that were made for it. */
export function metricsRoutes(
  { contentType, text }: PredictionMetrics,
  statistics: InferenceStatistics,
): [string, HttpHandler][] {
  const headers = { "content-type": contentType };
  return [
    [
      "GET /metrics",
      async ({ query }) => {
        const compat = query().get("compat");
        if (compat !== null && compat !== "triton") {
          throw new HttpError(400, `There are no metrics as of ${JSON.stringify(compat)}: compat=triton is known`);
        }
        const own = await text();
        const body = compat === null ? own : `${own}\n${tritonMetrics(statistics.of())}`;
        return { status: 200, headers, body };
      },
    ],
  ];
}

function addRunnerGauges(registry: Registry, engine: Pick<InferenceEngine, "gauges">): void {
  const gauge = (name: string, help: string, value: (gauge: ReturnType<InferenceEngine["gauges"]>[number]) => number) =>
    new Gauge({
      name,
      help,
      labelNames: ["slot", "version"],
      registers: [registry],
      collect() {
        this.reset();
        for (const runner of engine.gauges()) {
          this.inc({ slot: runner.slot, version: runner.version }, value(runner));
        }
      },
    });
  gauge(
    "ferry_agent_requests_waiting",
    "Requests that wait for a runner or are being computed.",
    ({ waiting }) => waiting,
  );
  gauge("ferry_agent_runner_resident_bytes", "Resident memory of runner processes.", (runner) => runner.residentBytes);
  gauge("ferry_agent_runners_ready", "Runner processes that can compute.", ({ instances }) => instances.ready);
  gauge("ferry_agent_runners_wanted", "Runner processes that should be there.", ({ instances }) => instances.wanted);
  gauge(
    "ferry_agent_runner_restarts",
    "Restarts of the runners that serve at this moment.",
    ({ restarts }) => restarts,
  );
}

function addModelInfo(registry: Registry, engine: Pick<InferenceEngine, "slots">): void {
  new Gauge({
    name: "ferry_agent_model_info",
    help: "What answers under each name (active), and what soaks beside it (split, shadow): always 1.",
    labelNames: ["slot", "version", "statement", "provider", "role"],
    registers: [registry],
    collect() {
      this.reset();
      for (const { slot, trial, ...active } of engine.slots()) {
        const roles = [
          { ...active, role: "active" },
          ...(trial === undefined ? [] : [{ ...trial, role: trial.traffic.kind }]),
        ];
        for (const { bundle, evidence, role } of roles) {
          const { statement, model } = bundle;
          this.set({ slot, version: model.version, statement, provider: evidence.provider, role }, 1);
        }
      }
    },
  });
}

/** Of the truth that came since the agent started: of what it predicted, and not of when that came. */
function addFeedback(registry: Registry, feedback: Pick<Feedback, "of">): void {
  const gauge = (name: string, help: string, value: (of: VersionFeedback) => number | undefined) =>
    new Gauge({
      name,
      help,
      labelNames: ["slot", "version"],
      registers: [registry],
      collect() {
        this.reset();
        for (const one of feedback.of()) {
          const known = value(one);
          if (known !== undefined) this.set({ slot: one.slot, version: one.version }, known);
        }
      },
    });
  gauge(
    "ferry_agent_feedback_judged",
    "Predictions of which the truth came.",
    ({ classified, measured }) => (classified?.judged ?? 0) + (measured?.judged ?? 0),
  );
  gauge("ferry_agent_accuracy_ratio", "Of these, classes that were right.", ({ classified }) => classified?.accuracy);
  gauge("ferry_agent_f1_macro_ratio", "The mean of F1 over the classes.", ({ classified }) => classified?.macro.f1);
  gauge("ferry_agent_squared_error_mean", "Mean squared error of values.", ({ measured }) => measured?.mse);
  gauge("ferry_agent_absolute_error_mean", "Mean absolute error of values.", ({ measured }) => measured?.mae);
}

function addProcessMemory(registry: Registry): void {
  new Gauge({
    name: "process_resident_memory_bytes",
    help: "Resident memory of the agent itself, without its runners.",
    registers: [registry],
    collect() {
      this.set(process.memoryUsage.rss());
    },
  });
}
