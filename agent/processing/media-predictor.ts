/** A picture or a sound → an answer: prepared, computed and interpreted as one and the same version describes it. */
import { randomUUID } from "node:crypto";
import type { Log } from "../../common/log.ts";
import type { ModelName, ModelVersion, StatementDigest } from "../../protocol/ids.ts";
import { parametersInForce, type ParameterValues } from "../../protocol/bundle/parameters.ts";
import type { PredictionResults } from "../../protocol/prediction-results.ts";
import { elementCount, type Tensor } from "../../protocol/tensor.ts";
import { interpretOutputs, type Interpretation } from "../../common/processing/results/interpret-outputs.ts";
import { steadyInputs, type Media, type PreparedMedia } from "../../common/processing/prepare-media.ts";
import { readLabels } from "../../common/processing/bundle-labels.ts";
import type { InferenceEngine, InferResponse, VerifiedBundle } from "../inference/inference-engine.ts";
import { InferenceError } from "../inference/inference-error.ts";
import { inferFrames, type FramesRequest, type SequenceAnswer } from "./infer-frames.ts";
import { openProcessor, type Processor } from "./processor.ts";
import { shownOutputs } from "./shown-outputs.ts";

export interface MediaRequest {
  readonly slot: ModelName;
  /** Only this version may answer; absent: whichever is active. */
  readonly version?: ModelVersion;
  readonly media: Media;
  /** Other inputs, in place of what `model.json` fills them with: the state of a sequence that goes on. */
  readonly inputs?: readonly Tensor[];
  /** Outputs that are wanted as they are; absent: those that no result tells of. */
  readonly outputs?: readonly string[];
  /** As of any request; absent: one of its own, so that all its frames go to one version. */
  readonly key?: string;
  /** As of any request: what feedback is joined by, where there is one frame. */
  readonly id?: string;
  readonly timeoutMs: number;
}

export interface MediaAnswer {
  readonly response: Omit<InferResponse, "outputs">;
  readonly outputs: readonly Tensor[];
  readonly results: PredictionResults;
  readonly times: ProcessingTimes;
}

export interface ProcessingTimes {
  /** From the request to its tensors. */
  readonly preMs: number;
  readonly postMs: number;
}

export interface MediaPredictor extends AsyncDisposable {
  /** Throws InferenceError or ProcessingError. */
  readonly predict: (request: MediaRequest) => Promise<MediaAnswer>;
  /** What the outputs of a request of tensors mean; empty where `model.json` does not say. Throws like `predict`. */
  readonly interpret: (
    slot: ModelName,
    response: InferResponse,
  ) => Promise<{ readonly results: PredictionResults; readonly postMs: number }>;
  /** Told of each answer to a picture or sound, until disposed of. */
  readonly observe: (onProcessed: ProcessingObserver) => Disposable;
}

export type ProcessingObserver = (slot: ModelName, version: ModelVersion, times: ProcessingTimes) => void;

export interface MediaPredictorPorts {
  readonly engine: Pick<InferenceEngine, "infer" | "slots">;
  readonly processor?: Processor;
  /** What an operator has set for a version, beside its defaults; absent: nothing ever is. */
  readonly parametersOf?: (slot: ModelName, statement: StatementDigest) => ParameterValues | undefined;
  readonly log: Log;
}

/** Versions may be replaced while a picture is prepared: it is prepared again for the next one, but not for ever. */
const TRIES_MAX = 4;
/** Outputs of so many elements are interpreted here, in about a millisecond; larger ones must not hold up the agent. */
const ELEMENTS_HERE_MAX = 16_384;

/** Ends the processor with it, whether it was given or made here. */
export function openMediaPredictor({ engine, log, ...ports }: MediaPredictorPorts): MediaPredictor {
  const processor = ports.processor ?? openProcessor({ log });
  const observers = new Set<ProcessingObserver>();

  async function predict(request: MediaRequest): Promise<MediaAnswer> {
    const startedMs = performance.now();
    const keyed = { ...request, key: request.key ?? request.id ?? randomUUID() };
    let bundle = servedBundle(request.slot);
    for (let attempt = 0; attempt < TRIES_MAX; attempt += 1) {
      const prepared = await processor.prepare(request.media, bundle.model);
      const preMs = performance.now() - startedMs;
      const timeoutMs = request.timeoutMs - preMs;
      if (timeoutMs <= 0)
        throw new InferenceError("timed-out", "The time was over when the picture or sound was decoded");
      const outcome = await inferFrames(engine, bundle, framesRequest(bundle, prepared, keyed, timeoutMs)).catch(
        (error: unknown) => supersededBy(error, request.slot, bundle),
      );
      if (outcome.kind === "answered") return finished(request, outcome, prepared, preMs);
      bundle = outcome.bundle;
    }
    throw new InferenceError(
      "unavailable",
      `'${request.slot}' was replaced again and again while this was prepared for it`,
    );
  }

  function servedBundle(slot: ModelName): VerifiedBundle {
    const served = engine.slots().find((one) => one.slot === slot);
    if (served !== undefined) return served.bundle;
    throw new InferenceError("unknown-model", `Request for unknown model: '${slot}' is not found`);
  }

  /** Inputs that another version refuses are made anew for it. */
  function supersededBy(error: unknown, slot: ModelName, bundle: VerifiedBundle) {
    const served = engine.slots().find((one) => one.slot === slot)?.bundle;
    const isOther = served !== undefined && served.statement !== bundle.statement;
    if (isOther && error instanceof InferenceError && error.failure === "bad-request") {
      return { kind: "superseded" as const, bundle: served };
    }
    throw error;
  }

  async function finished(
    { slot, outputs: wanted }: MediaRequest,
    { response, frames }: SequenceAnswer,
    { placement, stepMs }: PreparedMedia,
    preMs: number,
  ): Promise<MediaAnswer> {
    const { results, postMs } = await interpretFrames(slot, response.bundle, frames, { placement, stepMs });
    const times = { preMs, postMs };
    for (const observer of observers) observer(slot, response.version, times);
    return { response, outputs: shownOutputs(response.bundle.model, frames, wanted), results, times };
  }

  async function interpretFrames(
    slot: ModelName,
    bundle: VerifiedBundle,
    frames: readonly (readonly Tensor[])[],
    context: Pick<Interpretation, "placement" | "stepMs">,
  ) {
    const { postprocessing, parameters } = bundle.model;
    if (postprocessing === undefined) return { results: {}, postMs: 0 };
    const startedMs = performance.now();
    const labels = await readLabels(bundle);
    const inForce = parametersInForce(parameters, ports.parametersOf?.(slot, bundle.statement));
    const interpretation = { postprocessing, labels, parameters: inForce, frames, ...context };
    const isLarge = elementsOf(frames) > ELEMENTS_HERE_MAX;
    const results = isLarge ? await processor.interpret(interpretation) : interpretOutputs(interpretation);
    return { results, postMs: performance.now() - startedMs };
  }

  return {
    predict,
    interpret: async (slot, { bundle, outputs }) => interpretFrames(slot, bundle, [outputs], {}),
    observe: (observer) => {
      observers.add(observer);
      return { [Symbol.dispose]: () => void observers.delete(observer) };
    },
    [Symbol.asyncDispose]: () => processor[Symbol.asyncDispose](),
  };
}

function framesRequest(
  { model }: VerifiedBundle,
  { frames }: PreparedMedia,
  { slot, version, key, id, inputs = [] }: MediaRequest & { readonly key: string },
  timeoutMs: number,
): FramesRequest {
  const given = new Set(inputs.map(({ name }) => name));
  const beside = [...inputs, ...steadyInputs(model).filter(({ name }) => !given.has(name))];
  const named = { ...(version === undefined ? {} : { version }), ...(id === undefined ? {} : { id }) };
  return { slot, key, frames, beside, timeoutMs, ...named };
}

function elementsOf(frames: readonly (readonly Tensor[])[]): number {
  return frames.flat().reduce((sum, { shape }) => sum + elementCount(shape), 0);
}
