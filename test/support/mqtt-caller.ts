import { randomUUID } from "node:crypto";
import { systemClock } from "../../common/clock.ts";
import { openLog } from "../../common/log.ts";
import { openMqttLink, type TlsCredentials } from "../../common/mqtt-link.ts";
import type { CallerId, DeviceId, FleetId, ModelName } from "../../protocol/ids.ts";
import { splitPredictMessage, PredictReassembly } from "../../protocol/messages/predict-fragment.ts";
import { encodePredictRequest } from "../../protocol/messages/predict-request.ts";
import { decodePredictResponse, type PredictResponse } from "../../protocol/messages/predict-response.ts";
import type { Tensor } from "../../protocol/tensor.ts";
import { answerTopic, deviceTopics, fleetTopics } from "../../protocol/topics.ts";
import { floats, type Digit, type DigitAnswer } from "./digits.ts";
import { until } from "./until.ts";

/** An application that asks devices for predictions over MQTT. */
export interface MqttCaller extends AsyncDisposable {
  readonly ask: (device: string, model: string, inputs: readonly Tensor[]) => Promise<PredictResponse>;
  readonly askDigit: (device: string, digit: Digit) => Promise<DigitAnswer>;
}

const TIMEOUT_MS = 10_000;

export async function openMqttCaller(
  brokerUrl: string,
  fleetId: string,
  callerId: string,
  tls?: TlsCredentials,
): Promise<MqttCaller> {
  const [fleet, caller] = [fleetId as FleetId, callerId as CallerId];
  const waiting = new Map<string, (response: PredictResponse) => void>();
  const reassembly = new PredictReassembly();
  let connected = false;
  const link = openMqttLink({
    url: brokerUrl,
    tls: tls === undefined ? undefined : () => tls,
    clientId: callerId,
    keepAliveSeconds: 60,
    subscriptions: new Map([[fleetTopics(fleet).answersTo(caller), 1]]),
    onConnect: () => {
      connected = true;
    },
    onMessage: (topic, payload) => {
      const message = reassembly.accept(topic, payload, Date.now());
      if (message === undefined) return;
      const response = decodePredictResponse(message);
      waiting.get(response.id)?.(response);
      waiting.delete(response.id);
    },
    clock: systemClock,
    log: openLog("mqtt-caller", "silent"),
  });
  await until("the caller is connected", () => connected);

  const ask: MqttCaller["ask"] = async (device, model, inputs) => {
    const [to, name] = [device as DeviceId, model as ModelName];
    const id = randomUUID();
    const request = { id, replyTo: answerTopic(fleet, caller, to), timeoutMs: TIMEOUT_MS, model: name, inputs };
    const answered = new Promise<PredictResponse>((resolve) => waiting.set(id, resolve));
    for (const part of splitPredictMessage(id, encodePredictRequest(request))) {
      await link.publish(deviceTopics(fleet, to).predict(name), part, { qos: 0 });
    }
    const timer = AbortSignal.timeout(TIMEOUT_MS);
    const late = new Promise<never>((_, reject) => {
      timer.addEventListener("abort", () => {
        reject(new Error(`${device} did not answer over MQTT within ${String(TIMEOUT_MS)} ms`));
      });
    });
    return Promise.race([answered, late]);
  };
  return {
    ask,
    askDigit: async (device, { pixels }) => {
      const bytes = new Uint8Array(Float32Array.from(pixels).buffer);
      const response = await ask(device, "digits", [{ name: "pixels", datatype: "FP32", shape: [1, 64], bytes }]);
      if (response.kind !== "outputs") throw new Error(JSON.stringify(response));
      return { version: response.version, probabilities: floats(response.outputs[0]?.bytes ?? new Uint8Array()) };
    },
    [Symbol.asyncDispose]: () => link[Symbol.asyncDispose](),
  };
}
