import { systemClock, type Clock } from "../../common/clock.ts";
import { messageOf } from "../../common/ferry-error.ts";
import type { Log } from "../../common/log.ts";
import type { DeviceId, FleetId, ModelName } from "../../protocol/ids.ts";
import { PredictReassembly, splitPredictMessage } from "../../protocol/messages/predict-fragment.ts";
import {
  decodePredictRequest,
  type FeedbackMessage,
  type PredictEnvelope,
  type PredictRequest,
} from "../../protocol/messages/predict-request.ts";
import { encodePredictResponse, type PredictResponse } from "../../protocol/messages/predict-response.ts";
import { ProtocolError } from "../../protocol/protocol-error.ts";
import type { Tensor } from "../../protocol/tensor.ts";
import { parseTopic } from "../../protocol/topics.ts";
import type { InferenceEngine, InferResponse } from "../inference/inference-engine.ts";
import { FAILURE_STATUS, InferenceError } from "../inference/inference-error.ts";
import { ProcessingError } from "../../common/processing/processing-error.ts";
import type { MediaPredictor } from "../processing/media-predictor.ts";
import { PROCESSING_STATUS } from "../processing/processing-status.ts";
import type { Feedback } from "../monitor/feedback.ts";
import { AnswerCache } from "./answer-cache.ts";
import { classify } from "./classification.ts";
import { findSlot } from "./find-slot.ts";
import { HttpError } from "./http-answer.ts";
import { readLabels } from "../../common/processing/bundle-labels.ts";

export interface PredictTopicPorts {
  readonly engine: Pick<InferenceEngine, "infer" | "slots">;
  readonly predictor: Pick<MediaPredictor, "predict">;
  readonly feedback: Pick<Feedback, "take">;
  readonly fleet: FleetId;
  readonly device: DeviceId;
  /** Rejects while there is no connection. */
  readonly publish: (topic: string, payload: Uint8Array, options: { readonly qos: 1 }) => Promise<void>;
  readonly clock?: Clock;
  readonly log: Log;
}

export interface PredictTopic extends AsyncDisposable {
  /** Takes one publish on a predict topic and returns at once: the link must not wait for the model. Never throws. */
  readonly handle: (topic: string, payload: Uint8Array) => void;
}

/** Requests whose answers are being computed or sent; beyond it the answer is 429, whichever model is asked. */
const ANSWERING_MAX = 512;
/** Requests in flight when the agent stops get this long: the whole agent stops within 5 s. */
const CLOSE_MS_MAX = 3_000;
/** Statuses that another try may not meet: these are not kept for duplicates. */
const PASSING_STATUSES: ReadonlySet<number> = new Set([429, 503, 504]);

/** Answers predictions that arrive over MQTT. */
export function openPredictTopic(ports: PredictTopicPorts): PredictTopic {
  const { engine, predictor, feedback, fleet, device, publish, clock = systemClock, log } = ports;
  const reassembly = new PredictReassembly();
  const answers = new AnswerCache();
  const answering = new Set<Promise<void>>();
  let isClosed = false;

  function take(topic: string, payload: Uint8Array): void {
    const parsed = parseTopic(topic);
    if (parsed.kind !== "predict" || isClosed) return;
    const message = reassembly.accept(topic, payload, clock.monotonicMs());
    if (message === undefined) return;
    const envelope = decodePredictRequest(message);
    checkReplyTo(envelope.replyTo);
    const answered = answer(envelope, parsed.model)
      .catch((error: unknown) => {
        log.warn({ topic, error: messageOf(error) }, "a prediction was not answered");
      })
      .finally(() => answering.delete(answered));
    answering.add(answered);
  }

  /** Answering anywhere else would let a caller make this device publish on topics of others. */
  function checkReplyTo(replyTo: string): void {
    const parsed = parseTopic(replyTo);
    if (parsed.kind !== "answer" || parsed.fleet !== fleet || parsed.device !== device) {
      throw new ProtocolError(
        "TOPIC",
        "predict request",
        `replyTo ${replyTo} is not a topic on which this device answers`,
      );
    }
  }

  async function answer(envelope: PredictEnvelope, model: ModelName): Promise<void> {
    const { id, replyTo, encoding } = envelope;
    const key = `${replyTo} ${id}`;
    const known = answers.get(key, clock.monotonicMs());
    if (known === "pending") return;
    if (known !== undefined) {
      await send(replyTo, known);
      return;
    }
    answers.begin(key, clock.monotonicMs());
    const response = await respond(envelope, model);
    const parts = encode(response);
    if (response.kind === "error" && PASSING_STATUSES.has(response.status)) answers.forget(key);
    else answers.put(key, parts, clock.monotonicMs());
    await send(replyTo, parts);

    function encode(complete: PredictResponse): readonly Uint8Array[] {
      try {
        return splitPredictMessage(id, encodePredictResponse(complete, encoding));
      } catch (error) {
        return splitPredictMessage(id, encodePredictResponse(errorResponse(id, error), encoding));
      }
    }
  }

  async function respond(envelope: PredictEnvelope, model: ModelName): Promise<PredictResponse> {
    const { id } = envelope;
    try {
      if (answering.size > ANSWERING_MAX)
        throw new InferenceError("queue-full", "Too many predictions are under way: try again later");
      const truth = envelope.feedback();
      return truth === undefined ? await infer(envelope.request(), model) : await takeFeedback(truth, model);
    } catch (error) {
      if (!TOLD.some((kind) => error instanceof kind)) {
        log.error({ error: messageOf(error) }, "a prediction failed in the agent itself");
      }
      return errorResponse(id, error);
    }
  }

  async function takeFeedback(message: FeedbackMessage, model: ModelName): Promise<PredictResponse> {
    if (message.model !== model) {
      throw new InferenceError("bad-request", `Feedback for '${message.model}' came on the topic of '${model}'`);
    }
    const { slot } = findSlot(engine, model);
    return { kind: "feedback", id: message.id, model, feedback: await feedback.take(slot, message.feedback) };
  }

  async function infer(request: PredictRequest, model: ModelName): Promise<PredictResponse> {
    if (request.model !== model) {
      throw new InferenceError("bad-request", `The request for '${request.model}' came on the topic of '${model}'`);
    }
    const { slot } = findSlot(engine, model);
    if (request.media !== undefined) return inferMedia(request, slot, request.media);
    const { id, inputs, outputs, version, key, timeoutMs } = request;
    const response = await engine.infer({
      slot,
      id,
      inputs,
      timeoutMs,
      ...(key === undefined ? {} : { key }),
      ...(version === undefined ? {} : { version }),
      ...(outputs === undefined || outputs.length === 0 ? {} : { outputs: outputs.map(nameOf) }),
    });
    const { model: name, version: answered } = response;
    return { kind: "outputs", id, model: name, version: answered, outputs: await classified(response, outputs ?? []) };
  }

  /** OIP v2, classification extension: as over HTTP. */
  async function classified(
    { outputs, bundle }: InferResponse,
    wanted: readonly WantedOutput[],
  ): Promise<readonly Tensor[]> {
    const counts = new Map(wanted.map((output) => [nameOf(output), classesOf(output)]));
    if ([...counts.values()].every((count) => count === 0)) return outputs;
    const names = await readLabels(bundle);
    return outputs.map((output) => {
      const count = counts.get(output.name) ?? 0;
      return count === 0 ? output : classify(output, count, names);
    });
  }

  async function inferMedia(request: PredictRequest, slot: ModelName, bytes: Uint8Array): Promise<PredictResponse> {
    const { id, inputs, outputs: wanted, version, key = id, timeoutMs } = request;
    const answered = await predictor.predict({
      slot,
      id,
      key,
      media: { kind: "file", bytes },
      inputs,
      timeoutMs,
      ...(version === undefined ? {} : { version }),
      ...(wanted === undefined || wanted.length === 0 ? {} : { outputs: wanted.map(nameOf) }),
    });
    const { response, results, times } = answered;
    const { model, version: answeredBy, queueMs, inferMs } = response;
    const outputs = await classified({ ...response, outputs: answered.outputs }, wanted ?? []);
    return { kind: "outputs", id, model, version: answeredBy, outputs, results, times: { ...times, queueMs, inferMs } };
  }

  /** One part after the other, so that a large answer never fills the link. */
  async function send(topic: string, parts: readonly Uint8Array[]): Promise<void> {
    for (const part of parts) await publish(topic, part, { qos: 1 });
  }

  return {
    handle: (topic, payload) => {
      try {
        take(topic, payload);
      } catch (error) {
        // Nobody can be told: it is not known who asked, or the answer would go where it must not.
        log.warn({ topic, error: messageOf(error) }, "a predict request was dropped");
      }
    },
    [Symbol.asyncDispose]: async () => {
      isClosed = true;
      const over = new AbortController();
      await Promise.race([Promise.all(answering), clock.sleep(CLOSE_MS_MAX, over.signal)]);
      over.abort();
    },
  };
}

/** Failures that say by themselves what is wrong; any other is the agent's own. */
const TOLD = [InferenceError, ProtocolError, ProcessingError, HttpError] as const;

type WantedOutput = NonNullable<PredictRequest["outputs"]>[number];

function nameOf(output: WantedOutput): string {
  return typeof output === "string" ? output : output.name;
}

function classesOf(output: WantedOutput): number {
  return typeof output === "string" ? 0 : (output.parameters?.classification ?? 0);
}

function errorResponse(id: string, error: unknown): PredictResponse {
  if (error instanceof InferenceError) {
    return { kind: "error", id, error: error.message, status: FAILURE_STATUS[error.failure] };
  }
  if (error instanceof ProcessingError) {
    return { kind: "error", id, error: error.message, status: PROCESSING_STATUS[error.code] };
  }
  if (error instanceof HttpError) return { kind: "error", id, error: error.message, status: error.status };
  if (error instanceof ProtocolError) return { kind: "error", id, error: error.message, status: 400 };
  return { kind: "error", id, error: "The agent failed to answer; its log says why", status: 500 };
}
