/** Asks models on devices over MQTT, on behalf of people and programs that use the controller's API. */
import { randomUUID } from "node:crypto";
import type { Clock } from "../../common/clock.ts";
import { EXIT, FerryError, messageOf } from "../../common/ferry-error.ts";
import type { Log } from "../../common/log.ts";
import type { MqttLink } from "../../common/mqtt-link.ts";
import type { CallerId, DeviceId, FleetId, ModelName, ModelVersion } from "../../protocol/ids.ts";
import { PredictReassembly, splitPredictMessage } from "../../protocol/messages/predict-fragment.ts";
import { encodePredictRequest } from "../../protocol/messages/predict-request.ts";
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
  readonly version: ModelVersion | undefined;
  readonly inputs: readonly Tensor[];
  /** A JPEG, PNG or WAV file; `inputs` may then be empty. */
  readonly media?: Uint8Array | undefined;
  readonly outputs: readonly string[] | undefined;
  readonly timeoutMs: number;
}

export interface PredictCaller {
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

  async function send(
    id: string,
    { device, model, version, inputs, media, outputs, timeoutMs }: Question,
  ): Promise<void> {
    const message = encodePredictRequest({
      id,
      replyTo: answerTopic(fleet, caller, device),
      timeoutMs,
      model,
      inputs,
      ...(media === undefined ? {} : { media }),
      ...(version === undefined ? {} : { version }),
      ...(outputs === undefined ? {} : { outputs: [...outputs] }),
    });
    const topic = deviceTopics(fleet, device).predict(model);
    for (const part of splitPredictMessage(id, message)) await ports.publish(topic, part, { qos: 1 });
  }

  return {
    ask: async (question) => {
      if (waiting.size >= WAITING_MAX) {
        throw new FerryError("queue-full", `${WAITING_MAX} predictions wait for devices already; try again later`);
      }
      const id = randomUUID();
      const given = new AbortController();
      let response: PredictResponse | undefined;
      waiting.set(id, {
        device: question.device,
        settle: (said) => {
          response = said;
          given.abort();
        },
      });
      try {
        await send(id, question);
        await clock.sleep(question.timeoutMs, given.signal);
      } finally {
        waiting.delete(id);
      }
      return outputsIn(response, question);
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

function outputsIn(response: PredictResponse | undefined, { device, model, timeoutMs }: Question) {
  if (response === undefined) {
    throw new FerryError("no-answer", `${device} did not answer within ${timeoutMs} ms`, {
      hint: `Is it online, and does it serve ${model}? See with \`ferry device show ${device}\`.`,
      exitCode: EXIT.timedOut,
    });
  }
  if (response.kind === "outputs") return response;
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
