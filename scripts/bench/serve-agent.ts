/** The agent's engine with its HTTP server and its MQTT predict topic, in a process of its own. */
import { openAgentLink, type AgentLink } from "../../agent/link/agent-link.ts";
import type { VerifiedBundle } from "../../agent/inference/inference-engine.ts";
import { openInferenceEngine } from "../../agent/inference/open-inference-engine.ts";
import { openMediaPredictor } from "../../agent/processing/media-predictor.ts";
import { openHttpServer } from "../../agent/serve/http-server.ts";
import { openFeedback } from "../../agent/monitor/feedback.ts";
import { openPredictTopic } from "../../agent/serve/predict-topic.ts";
import { createInferenceRecorder } from "../../agent/telemetry/inference-recorder.ts";
import { AGENT_VERSION } from "../../agent/version.ts";
import { systemClock as clock } from "../../common/clock.ts";
import { openLog } from "../../common/log.ts";
import type { DeviceId, FleetId } from "../../protocol/ids.ts";

interface Plan {
  readonly bundle: VerifiedBundle;
  /** Without one nothing is asked over MQTT. */
  readonly brokerUrl?: string;
  readonly fleet: string;
  readonly device: string;
}

const plan = JSON.parse(process.argv[2] ?? "") as Plan;
const [fleet, device] = [plan.fleet as FleetId, plan.device as DeviceId];
const log = openLog("bench-agent", "error");
const engine = openInferenceEngine({ clock, log });
// Sums up every answer, as it does in an agent; what it says is thrown away.
engine.observe(createInferenceRecorder({ outbox: { append: () => undefined }, clock, log }));
const { name } = plan.bundle.model;
const qualification = await engine.qualify(name, plan.bundle, new AbortController().signal);
if (qualification.kind === "refused") throw new Error(qualification.refusal.message);
await engine.activate(name, qualification.candidate);
const predictor = openMediaPredictor({ engine, log });
const feedback = openFeedback({ engine, clock });
const http = await openHttpServer({ engine, predictor, feedback, port: 0, log });
const link = plan.brokerUrl === undefined ? undefined : openLink(plan.brokerUrl);
const runnerPids = () => engine.gauges().map(({ instances }) => instances);
process.send?.({ port: Number(new URL(http.url).port), instances: runnerPids() });
process.once("disconnect", () => {
  const doors = [http, predictor, ...(link === undefined ? [] : [link])];
  void Promise.all(doors.map((door) => door[Symbol.asyncDispose]())).then(() => engine[Symbol.asyncDispose]());
});

function openLink(url: string): AgentLink {
  const nothing = () => undefined;
  const connection = openAgentLink({
    url,
    tls: undefined,
    fleet,
    device,
    keepAliveSeconds: 60,
    bootId: "bench",
    agentVersion: AGENT_VERSION,
    onConnect: nothing,
    onDisconnect: nothing,
    onDesired: nothing,
    onRoot: nothing,
    onTelemetryAck: nothing,
    onOffer: nothing,
    onChunk: nothing,
    onPredict: (topic, payload) => {
      predict.handle(topic, payload);
    },
    clock,
    log,
  });
  const publish: AgentLink["publish"] = (...message) => connection.publish(...message);
  const predict = openPredictTopic({ engine, predictor, feedback, fleet, device, publish, clock, log });
  return connection;
}
