/** Asks models on devices over MQTT, on behalf of people and programs that use the controller's API. */
import { randomUUID } from "node:crypto";
import type { Clock } from "../../common/clock.ts";
import { EXIT, FerryError, messageOf } from "../../common/ferry-error.ts";
import type { Log } from "../../common/log.ts";
import type { MqttLink } from "../../common/mqtt-link.ts";
import type { CallerId, DeviceId, FleetId, ModelName, ModelVersion } from "../../protocol/ids.ts";
import { PredictReassembly, splitPredictMessage } from "../../protocol/messages/predict-fragment.ts";
import type { FeedbackEntries } from "../../protocol/messages/feedback.ts";
import { encodeFeedbackMessage, encodePredictRequest } from "../../protocol/messages/predict-request.ts";
import { decodePredictResponse, type PredictResponse } from "../../protocol/messages/predict-response.ts";
import type { Tensor } from "../../protocol/tensor.ts";
import { answerTopic, deviceTopics } from "../../protocol/topics.ts";

export interface PredictCallerPorts {
  readonly fleet: FleetId;
  /** Whose answers the link listens to. */
  readonly caller: CallerId;
  readonly publish: MqttLink["publish"];
  readonly clock: Clock;
  readonly log: Log;
}

export interface Question {
  readonly device: DeviceId;
  readonly model: ModelName;
  /** What the request is called, also by feedback that comes later; absent: a random one. */
  readonly id?: string | undefined;
  readonly key?: string | undefined;
  readonly version: ModelVersion | undefined;
  readonly inputs: readonly Tensor[];
  /** A JPEG, PNG or WAV file; `inputs` may then be empty. */
  readonly media?: Uint8Array | undefined;
  readonly outputs: readonly string[] | undefined;
  readonly timeoutMs: number;
}

export interface Truth {
  readonly device: DeviceId;
  readonly model: ModelName;
  readonly feedback: FeedbackEntries;
  readonly timeoutMs: number;
}

export interface PredictCaller {
  /** Truth for predictions that a device made before. Throws as `ask` does. */
  readonly tell: (truth: Truth) => Promise<Extract<PredictResponse, { kind: "feedback" }>>;
  /** Throws FerryError: `no-answer` when the time is over, `prediction-refused` with the device's own words, `busy`. */
  readonly ask: (question: Question) => Promise<Extract<PredictResponse, { kind: "outputs" }>>;
  /** A message on the caller's answer topic. Never throws. */
  readonly onAnswer: (device: DeviceId, payload: Uint8Array) => void;
}

/** Requests that wait for an answer: each holds its promise and, while parts are missing, part of an answer. */
const WAITING_MAX = 256;

interface Waiting {
  readonly device: DeviceId;
  readonly settle: (response: PredictResponse) => void;
}

export function createPredictCaller(ports: PredictCallerPorts): PredictCaller {
  const { fleet, caller, clock, log } = ports;
  const waiting = new Map<string, Waiting>();
  const parts = new PredictReassembly();

  /** Throws FerryError. */
  async function exchange(id: string, asked: Asked, message: Uint8Array): Promise<PredictResponse> {
    const { device, model, timeoutMs } = asked;
    if (waiting.size >= WAITING_MAX) {
      throw new FerryError("queue-full", `${WAITING_MAX} predictions wait for devices already; try again later`);
    }
    if (waiting.has(id)) {
      throw new FerryError("prediction-under-way", `A prediction with the id ${id} is under way already`, {
        hint: "Wait for its answer, or give this one another id.",
        exitCode: EXIT.conflict,
      });
    }
    const given = new AbortController();
    let response: PredictResponse | undefined;
    waiting.set(id, {
      device,
      settle: (said) => {
        response = said;
        given.abort();
      },
    });
    try {
      const topic = deviceTopics(fleet, device).predict(model);
      for (const part of splitPredictMessage(id, message)) await ports.publish(topic, part, { qos: 1 });
      await clock.sleep(timeoutMs, given.signal);
    } finally {
      waiting.delete(id);
    }
    return answerIn(response, asked);
  }

  return {
    ask: async (question) => {
      const { device, model, version, key, inputs, media, outputs, timeoutMs, id = randomUUID() } = question;
      const message = encodePredictRequest({
        id,
        replyTo: answerTopic(fleet, caller, device),
        timeoutMs,
        model,
        inputs,
        ...(media === undefined ? {} : { media }),
        ...(version === undefined ? {} : { version }),
        ...(key === undefined ? {} : { key }),
        ...(outputs === undefined ? {} : { outputs: [...outputs] }),
      });
      const response = await exchange(id, question, message);
      if (response.kind === "outputs") return response;
      throw oddAnswer(question);
    },
    tell: async (truth) => {
      const { device, model, feedback } = truth;
      const id = randomUUID();
      const message = encodeFeedbackMessage({ id, replyTo: answerTopic(fleet, caller, device), model, feedback });
      const response = await exchange(id, truth, message);
      if (response.kind === "feedback") return response;
      throw oddAnswer(truth);
    },
    onAnswer: (device, payload) => {
      try {
        const whole = parts.accept(device, payload, clock.monotonicMs());
        if (whole === undefined) return;
        const response = decodePredictResponse(whole);
        const asked = waiting.get(response.id);
        // An answer from another device than the one asked is nobody's; a late one has nobody left to hear it.
        if (asked?.device === device) asked.settle(response);
      } catch (thrown) {
        log.warn({ device, error: messageOf(thrown) }, "an answer to a prediction cannot be read");
      }
    },
  };
}

type Asked = Pick<Question, "device" | "model" | "timeoutMs">;

/** An agent that answers something else than it was asked is of another version. */
function oddAnswer({ device }: Asked): FerryError {
  return new FerryError("prediction-refused", `${device} answered something else than it was asked`, {
    hint: `Which agent it runs: \`ferry device show ${device}\`.`,
    exitCode: EXIT.failed,
  });
}

function answerIn(response: PredictResponse | undefined, { device, model, timeoutMs }: Asked) {
  if (response === undefined) {
    throw new FerryError("no-answer", `${device} did not answer within ${timeoutMs} ms`, {
      hint: `Is it online, and does it serve ${model}? See with \`ferry device show ${device}\`.`,
      exitCode: EXIT.timedOut,
    });
  }
  if (response.kind !== "error") return response;
  throw new FerryError("prediction-refused", `${device} answered ${response.status}: ${response.error}`, {
    exitCode: exitOf(response.status),
  });
}

/** The device's HTTP status, as this program ends. */
function exitOf(status: number) {
  if (status === 404) return EXIT.notFound;
  if (status === 504) return EXIT.timedOut;
  if (status === 429 || status === 503) return EXIT.unreachable;
  return status < 500 ? EXIT.usage : EXIT.failed;
}
