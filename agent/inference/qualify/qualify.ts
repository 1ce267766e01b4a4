/** What stands between a verified bundle and its first request: load, warm-up, golden set, budgets, on this hardware. */
import { join } from "node:path";
import { readLabels } from "../../../common/processing/bundle-labels.ts";
import { caseDifference, type LoadedCase } from "../../../common/processing/golden-case.ts";
import { inferSequence } from "../../../common/processing/infer-sequence.ts";
import { ProcessingError } from "../../../common/processing/processing-error.ts";
import { checkBundlePath } from "../../../protocol/bundle/bundle-path.ts";
import type { ModelJson, OutputRange } from "../../../protocol/bundle/model-json.ts";
import { parametersInForce } from "../../../protocol/bundle/parameters.ts";
import type { PredictionResults } from "../../../protocol/prediction-results.ts";
import type { Evidence } from "../../../protocol/trust/evidence.ts";
import type { Batching } from "../../../protocol/bundle/serving.ts";
import { testBatches } from "./batch-test.ts";
import type { Tensor } from "../../../protocol/tensor.ts";
import type { Processor } from "../../processing/processor.ts";
import { openGoldenCases, type GoldenCases } from "./golden-cases.ts";
import type { VerifiedBundle } from "../inference-engine.ts";
import { InferenceError } from "../inference-error.ts";
import { interfaceDifference } from "./interface-difference.ts";
import type { LoadChoice } from "./load-choice.ts";
import { percentile } from "../percentile.ts";
import { Refused } from "../refused.ts";
import type { RunnerAnswer } from "../runner/runner-messages.ts";
import { RunnerGone } from "../runner/runner-process.ts";
import { ModelFailure, RunnerDeadline, type Runner } from "../runner/runner.ts";

/** A model of 300 MB from a worn memory card takes a minute … */
const LOAD_MS_MAX = 120_000;
/** … and TensorRT tries its kernels on the device before it chooses: minutes on a small board. */
const COMPILE_MS_MAX = 300_000;
/** The first inferences allocate memory and choose kernels; from about the third on, times are steady. */
const WARM_UP_RUNS = 3;
/** Enough for a 95th percentile that a single hiccup does not decide … */
const TIMED_RUNS_MAX = 100;
/** … while a slow model does not hold up its rollout, */
const TIMED_MS_MAX = 2_000;
/** and even the slowest is timed more than once. */
const TIMED_RUNS_MIN = 5;

export interface WarmModel {
  readonly ignoredOptions: readonly string[];
  readonly loadMs: number;
  readonly warmUpMs: number;
  readonly golden: GoldenCases;
}

export interface WarmUpPorts {
  readonly intraOpThreads: number;
  /** Decodes the pictures and sounds of golden sets. */
  readonly processor: Pick<Processor, "prepare">;
}

/** Loads the model into a fresh runner and computes until times are steady; also what a restart does. Throws Refused. */
export async function warmUp(
  runner: Runner,
  bundle: VerifiedBundle,
  { file, provider, settings }: LoadChoice,
  { intraOpThreads, processor }: WarmUpPorts,
): Promise<WarmModel> {
  const { directory, model } = bundle;
  const golden = await openGoldenCases(bundle, processor);
  checkBundlePath(file);
  const startedMs = performance.now();
  const load = {
    file: join(directory, file),
    provider,
    settings,
    intraOpThreads,
    ranges: rangesOf(model),
  };
  const loadMsMax = provider === "tensorrt" ? COMPILE_MS_MAX : LOAD_MS_MAX;
  const loaded = await runner.load(load, loadMsMax).catch(refuseToLoad);
  const loadMs = performance.now() - startedMs;
  const difference = interfaceDifference(model, loaded);
  if (difference !== undefined) throw new Refused("model-interface", difference);
  const first = await golden.at(0);
  for (let run = 0; run < WARM_UP_RUNS; run += 1) await compute(runner, first);
  const warmUpMs = performance.now() - startedMs - loadMs;
  return { ignoredOptions: loaded.ignoredOptions, loadMs, warmUpMs, golden };
}

/** A runner with the model loaded, and how it was. */
export interface WarmRunner {
  readonly choice: LoadChoice;
  readonly runner: Runner;
  readonly warm: WarmModel;
}

export interface SelfTest {
  readonly evidence: Evidence;
  /** Some golden case has NaN or infinities in its outputs: they are no sign of a fault. */
  readonly givesNonFinite: boolean;
  readonly batching: Batching | undefined;
}

/** Measures a warm model against what its publisher promised. Throws Refused. */
export async function selfTest(
  { runner, warm, choice }: WarmRunner,
  bundle: VerifiedBundle,
  { processor, nowMs }: { readonly processor: Pick<Processor, "interpret">; readonly nowMs: number },
): Promise<SelfTest> {
  const { golden, ignoredOptions } = warm;
  const { model } = bundle;
  const { tolerance = golden.tolerances.tolerance } = choice;
  const tolerances = { ...golden.tolerances, tolerance };
  let givesNonFinite = false;
  for (let at = 0; at < golden.count; at += 1) {
    const goldenCase = await golden.at(at);
    const { outputs, results, isNonFinite } = await answerCase(runner, bundle, goldenCase, processor);
    givesNonFinite ||= isNonFinite;
    const difference = caseDifference(goldenCase, { outputs, results }, tolerances);
    if (difference !== undefined) throw new Refused("self-test", difference);
  }
  const batching = await testBatches(runner, model, {
    count: golden.count,
    tolerance,
    at: async (index) => withAnswers(runner, await golden.at(index)),
  });
  const times = await timedRuns(runner, golden);
  const evidence: Evidence = {
    provider: choice.provider,
    ...(ignoredOptions.length === 0 ? {} : { ignoredSettings: [...ignoredOptions] }),
    loadMs: warm.loadMs,
    warmUpMs: warm.warmUpMs,
    goldenCases: golden.count,
    goldenPassed: golden.count,
    latencyP50Ms: percentile(times, 0.5) ?? 0,
    latencyP95Ms: percentile(times, 0.95) ?? 0,
    memoryBytes: runner.residentBytes(),
    qualifiedAtMs: nowMs,
  };
  const excess = budgetExcess(model.budgets ?? {}, evidence);
  if (excess !== undefined) throw new Refused("budget", excess);
  return { evidence, givesNonFinite, batching };
}

/** Ascending, in milliseconds of the model's own time. */
async function timedRuns(runner: Runner, golden: GoldenCases): Promise<number[]> {
  const times: number[] = [];
  const startedMs = performance.now();
  for (let run = 0; run < TIMED_RUNS_MAX; run += 1) {
    if (run >= TIMED_RUNS_MIN && performance.now() - startedMs > TIMED_MS_MAX) break;
    times.push((await compute(runner, await golden.at(run))).inferMs);
  }
  return times.sort((a, b) => a - b);
}

interface CaseAnswer {
  /** Of the last inference: there is more than one over a sound in frames. */
  readonly outputs: readonly Tensor[];
  readonly results: PredictionResults;
  readonly isNonFinite: boolean;
}

async function answerCase(
  runner: Runner,
  bundle: VerifiedBundle,
  goldenCase: LoadedCase,
  processor: Pick<Processor, "interpret">,
): Promise<CaseAnswer> {
  const { model } = bundle;
  let isNonFinite = false;
  const ask = async (asked: LoadedCase) => {
    const { outputs, fault } = await compute(runner, asked);
    if (fault === "out-of-range") throw new Refused("self-test", outOfRange(asked.name, model));
    isNonFinite ||= fault === "not-finite";
    return outputs;
  };
  const { media } = goldenCase;
  if (media === undefined) return { outputs: await ask(goldenCase), results: {}, isNonFinite };
  const frames = await inferSequence(model, media.prepared, (inputs) => ask({ ...goldenCase, inputs }));
  const results = await resultsOf(bundle, goldenCase, frames, processor);
  return { outputs: frames.at(-1) ?? [], results, isNonFinite };
}

/** By the defaults of the model's parameters: what an operator sets is no matter of the golden set. */
async function resultsOf(
  bundle: VerifiedBundle,
  { name, media }: LoadedCase,
  frames: readonly (readonly Tensor[])[],
  processor: Pick<Processor, "interpret">,
): Promise<PredictionResults> {
  const { postprocessing, parameters } = bundle.model;
  if (postprocessing === undefined || media === undefined) return {};
  const labels = await readLabels(bundle);
  const { placement, stepMs } = media.prepared;
  const interpretation = { postprocessing, labels, parameters: parametersInForce(parameters), frames };
  return processor.interpret({ ...interpretation, placement, stepMs }).catch((error: unknown) => {
    if (!(error instanceof ProcessingError || error instanceof InferenceError)) throw error;
    throw new Refused("self-test", `golden case "${name}": ${error.message}`);
  });
}

/** Of a picture or a sound, what the model answers alone is what it must answer in a batch. */
async function withAnswers(runner: Runner, goldenCase: LoadedCase): Promise<LoadedCase> {
  if (goldenCase.media === undefined) return goldenCase;
  return { ...goldenCase, outputs: (await compute(runner, goldenCase)).outputs };
}

async function compute(runner: Runner, { name, inputs, outputs, media }: LoadedCase): Promise<RunnerAnswer> {
  try {
    return await runner.infer(inputs, media === undefined ? outputs.map((output) => output.name) : undefined);
  } catch (error) {
    if (error instanceof ModelFailure) throw new Refused("self-test", `golden case "${name}": ${error.message}`);
    if (error instanceof RunnerGone) throw new Refused("runner-crash", `golden case "${name}": ${error.message}`);
    throw error;
  }
}

function rangesOf({ outputs }: ModelJson): Readonly<Record<string, OutputRange>> {
  return Object.fromEntries(outputs.flatMap(({ name, range }) => (range === undefined ? [] : [[name, range]])));
}

function outOfRange(caseName: string, model: ModelJson): string {
  const ranges = Object.entries(rangesOf(model)).map(([name, [least, most]]) => `"${name}" ${least} to ${most}`);
  return `golden case "${caseName}" leaves the range of an output: model.json declares ${ranges.join(", ")}`;
}

function refuseToLoad(error: unknown): never {
  if (error instanceof ModelFailure) throw new Refused("model-load", error.message);
  if (error instanceof RunnerDeadline) throw new Refused("deadline", error.message);
  if (error instanceof RunnerGone) throw new Refused("runner-crash", `While it loaded the model: ${error.message}`);
  throw error;
}

function budgetExcess({ latencyP95Ms, memoryBytes }: NonNullable<ModelJson["budgets"]>, measured: Evidence) {
  if (latencyP95Ms !== undefined && measured.latencyP95Ms > latencyP95Ms) {
    return `95 % of inferences take up to ${measured.latencyP95Ms.toFixed(1)} ms here, the budget is ${latencyP95Ms} ms`;
  }
  if (memoryBytes !== undefined && measured.memoryBytes > memoryBytes) {
    return `the runner takes ${megabytes(measured.memoryBytes)} of memory here, the budget is ${megabytes(memoryBytes)}`;
  }
  return undefined;
}

function megabytes(bytes: number): string {
  return `${(bytes / 1e6).toFixed(1)} MB`;
}
