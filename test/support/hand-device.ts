/** A device in the hands of a test: it says on MQTT exactly what the test lets it say. */
import { randomBytes } from "node:crypto";
import { systemClock } from "../../common/clock.ts";
import { openLog } from "../../common/log.ts";
import { openMqttLink } from "../../common/mqtt-link.ts";
import type { DeviceId, FleetId, SessionId } from "../../protocol/ids.ts";
import type { DeviceInfo } from "../../protocol/messages/device-info.ts";
import type { DeviceState } from "../../protocol/messages/device-state.ts";
import { decodePredictRequest, type PredictRequest } from "../../protocol/messages/predict-request.ts";
import { encodePredictResponse, type PredictResponse } from "../../protocol/messages/predict-response.ts";
import { deviceTopics, parseTopic } from "../../protocol/topics.ts";
import { deploymentIn, type Deployment } from "../../protocol/trust/deployment.ts";
import { parseEnvelope } from "../../protocol/trust/dsse.ts";
import type { Signer } from "../../protocol/trust/keys.ts";
import { signReport, type Report } from "../../protocol/trust/report.ts";
import { INFO, reportOf } from "./device-views.ts";
import { newSigner } from "./keys.ts";

export interface HandDevice extends AsyncDisposable {
  readonly key: Signer;
  readonly say: (state: "online" | "offline", session?: SessionId) => Promise<void>;
  readonly introduce: (changes?: Partial<DeviceInfo>) => Promise<void>;
  /** Gives the nonce. */
  readonly hello: (seq: number) => Promise<string>;
  /** Signed by the device's key unless told otherwise; the counter ascends by itself. */
  readonly report: (changes?: Partial<Report>, signer?: Signer) => Promise<void>;
  /** Bytes on one of its own topics. */
  readonly raw: (
    topic: "info" | "hello" | "report" | "telemetry" | "want",
    payload: Uint8Array | string,
  ) => Promise<void>;
  /** The newest deployment that the broker brought. */
  readonly desired: () => Deployment | undefined;
  /** How it answers predictions; undefined: not at all. */
  answer: ((request: PredictRequest) => PredictResponse) | undefined;
}

export async function openHandDevice(brokerUrl: string, fleet: FleetId, id: string): Promise<HandDevice> {
  const device = id as DeviceId;
  const topics = deviceTopics(fleet, device);
  const key = newSigner();
  const session = randomBytes(8).toString("hex") as SessionId;
  let desired: Deployment | undefined;
  let counter = Date.now();
  let answer: HandDevice["answer"];
  const connected = Promise.withResolvers<string>();
  const link = openMqttLink({
    url: brokerUrl,
    clientId: id,
    keepAliveSeconds: 60,
    subscriptions: new Map([
      [topics.desired, 1],
      [topics.predictAny, 1],
    ]),
    onConnect: connected.resolve,
    onMessage: (topic, payload) => {
      if (parseTopic(topic).kind === "desired") desired = deploymentIn(parseEnvelope(payload));
      else if (answer !== undefined) {
        const { replyTo, encoding, request } = decodePredictRequest(payload);
        // Not awaited: the acknowledgement is read only after this message has been dealt with.
        void link
          .publish(replyTo, encodePredictResponse(answer(request()), encoding), { qos: 1 })
          .catch(() => undefined);
      }
    },
    clock: systemClock,
    log: openLog("hand-device", "silent"),
  });
  await connected.promise;
  const retained = (topic: string, value: unknown) =>
    link.publish(topic, JSON.stringify(value), { qos: 1, retain: true });
  return {
    key,
    say: (state, of = session) => {
      const said: DeviceState = { state, session: of, bootId: "boot", atMs: Date.now(), agentVersion: "0.1.0" };
      return retained(topics.state, said);
    },
    introduce: (changes = {}) => retained(topics.info, { ...INFO, publicKey: key.publicKey.pem, ...changes }),
    hello: async (seq) => {
      const nonce = randomBytes(18).toString("base64url");
      await link.publish(topics.hello, JSON.stringify({ session, nonce, rootVersion: 1, seq }), { qos: 1 });
      return nonce;
    },
    report: async (changes = {}, signer = key) => {
      counter += 1;
      const report = reportOf(id, { fleet, session, counter, ...changes });
      await link.publish(topics.report, JSON.stringify(await signReport(report, signer)), { qos: 1 });
    },
    raw: (topic, payload) => link.publish(topics[topic], payload, { qos: 1 }),
    desired: () => desired,
    get answer() {
      return answer;
    },
    set answer(how) {
      answer = how;
    },
    [Symbol.asyncDispose]: () => link[Symbol.asyncDispose](),
  };
}
