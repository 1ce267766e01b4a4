import t from "tap";
import { openMediaPredictor } from "../../../agent/processing/media-predictor.ts";
import { openPredictTopic } from "../../../agent/serve/predict-topic.ts";
import { openLog } from "../../../common/log.ts";
import { parseModelJson } from "../../../protocol/bundle/model-json.ts";
import type { CallerId, DeviceId, FleetId, ModelName, ModelVersion } from "../../../protocol/ids.ts";
import { PredictReassembly, splitPredictMessage } from "../../../protocol/messages/predict-fragment.ts";
import { encodePredictRequest, type PredictRequest } from "../../../protocol/messages/predict-request.ts";
import { decodePredictResponse, type PredictResponse } from "../../../protocol/messages/predict-response.ts";
import { answerTopic, deviceTopics } from "../../../protocol/topics.ts";
import { readDigits } from "../../support/digits.ts";
import { digitsFolder, floats, writePlusOne } from "../../support/model-folders.ts";
import { openServingAgent } from "../../support/serving-agent.ts";
import { photograph, png } from "../../support/pictures.ts";
import { runnersOf } from "../../support/processes.ts";
import { until } from "../../support/until.ts";

const fleet = "oslo" as FleetId;
const device = "cam-1" as DeviceId;
const replyTo = answerTopic(fleet, "app" as CallerId, device);
const topicOf = (model: string) => deviceTopics(fleet, device).predict(model as ModelName);

const agent = await openServingAgent();
t.teardown(() => agent[Symbol.asyncDispose]());
await agent.serve(digitsFolder("1.1.0"));
const folder = t.testdir();
await agent.serve(await writePlusOne(folder));

const predictor = openMediaPredictor({ engine: agent.engine, log: openLog("test", "silent") });
t.teardown(() => predictor[Symbol.asyncDispose]());

/** A device whose publishes are kept here, put together as a caller would. */
function openDevice() {
  const reassembly = new PredictReassembly();
  const published: { topic: string; payload: Uint8Array }[] = [];
  const answers: PredictResponse[] = [];
  const publish = async (topic: string, payload: Uint8Array) => {
    published.push({ topic, payload });
    const message = reassembly.accept(topic, payload, 0);
    if (message !== undefined) answers.push(decodePredictResponse(message));
  };
  const predict = openPredictTopic({
    engine: agent.engine,
    predictor,
    feedback: agent.feedback,
    fleet,
    device,
    publish,
    log: openLog("test", "silent"),
  });
  return {
    predict,
    published,
    answers,
    ask: async (request: PredictRequest, encoding: "cbor" | "json" = "cbor", topic = topicOf(request.model)) => {
      const before = answers.length;
      for (const part of splitPredictMessage(request.id, encodePredictRequest(request, encoding)))
        predict.handle(topic, part);
      return until("the device answers", () => answers[before]);
    },
  };
}

const digit = readDigits()[0];
const request: PredictRequest = {
  id: "q1",
  replyTo,
  timeoutMs: 10_000,
  model: "digits" as ModelName,
  inputs: [floats("pixels", [1, 64], digit?.pixels ?? [])],
};

t.test("a request is answered on the caller's topic, in its own encoding", async (t) => {
  const { ask, published } = openDevice();
  const overCbor = await ask({ ...request, id: "c" });
  const overJson = await ask({ ...request, id: "j" }, "json");
  t.match(overCbor, {
    kind: "outputs",
    id: "c",
    model: "digits",
    version: "1.1.0",
    outputs: [{ name: "probabilities", shape: [1, 10] }],
  });
  t.match(overJson, { kind: "outputs", id: "j" });
  t.same(
    published.map(({ topic }) => topic),
    [replyTo, replyTo],
  );
  t.same(
    published.map(({ payload }) => payload[0] === "{".charCodeAt(0)),
    [false, true],
  );
});

t.test("tensors larger than a publish travel in parts, both ways", async (t) => {
  const { ask, published } = openDevice();
  const values = Array.from({ length: 100_000 }, (_, at) => at);
  const answer = await ask({ ...request, model: "plus-one" as ModelName, inputs: [floats("x", [100_000], values)] });
  if (answer.kind !== "outputs") throw new Error(JSON.stringify(answer));
  const sums = new Float32Array(new Uint8Array(answer.outputs[0]?.bytes ?? []).buffer);
  t.ok(sums.every((sum, at) => sum === at + 1));
  t.ok(published.length > 1);
});

t.test("a request that comes twice is computed once and answered again", async (t) => {
  const { ask, predict, answers } = openDevice();
  let computed = 0;
  using _observing = agent.engine.observe({
    answered: () => (computed += 1),
    failed: () => undefined,
    crashed: () => undefined,
  });
  const bytes = encodePredictRequest(request);
  predict.handle(topicOf("digits"), bytes);
  predict.handle(topicOf("digits"), bytes);
  await until("it is answered", () => answers.length === 1);
  t.same(await ask(request), answers[0]);
  t.equal(answers.length, 2);
  t.equal(computed, 1);
});

const errors: { when: string; change: Partial<PredictRequest>; topic?: string; status: number; says: RegExp }[] = [
  {
    when: "the model is unknown",
    change: { model: "cats" as ModelName },
    status: 404,
    says: /^Request for unknown model: 'cats' is not found \(served here: digits, plus-one\)/,
  },
  {
    when: "the version is unknown",
    change: { version: "9" as ModelVersion },
    status: 404,
    says: /version 9 is not found/,
  },
  { when: "an input is wrong", change: { inputs: [floats("x", [1], [1])] }, status: 400, says: /unexpected input "x"/ },
  {
    when: "the topic names another model",
    change: {},
    topic: topicOf("plus-one"),
    status: 400,
    says: /came on the topic of 'plus-one'/,
  },
  { when: "it asks for too long", change: { timeoutMs: 60_001 }, status: 400, says: /timeoutMs/ },
];
for (const { when, change, topic, status, says } of errors) {
  t.test(`the answer is an error ${status} when ${when}`, async (t) => {
    t.match(await openDevice().ask({ ...request, ...change }, "cbor", topic), {
      kind: "error",
      id: "q1",
      status,
      error: says,
    });
  });
}

t.test("a deadline and a full queue are answered, and may be asked again under the same id", async (t) => {
  const { ask, predict, answers } = openDevice();
  const runners = runnersOf(process.pid);
  for (const pid of runners) process.kill(pid, "SIGSTOP");
  t.match(await ask({ ...request, timeoutMs: 30 }), { kind: "error", status: 504, error: "No answer within 30 ms" });
  for (let at = 0; at < 300; at += 1)
    predict.handle(topicOf("digits"), encodePredictRequest({ ...request, id: `m${at}` }));
  await until("some are turned away", () => answers.some((answer) => answer.kind === "error" && answer.status === 429));
  for (const pid of runners) process.kill(pid, "SIGCONT");
  await until("all are answered", () => answers.length === 301);
  t.match(await ask(request), { kind: "outputs", id: "q1" });
});

t.test("nothing is published where the reply would go astray, or where nobody can be told", async (t) => {
  const { predict, published } = openDevice();
  const asked = [
    encodePredictRequest({ ...request, replyTo: answerTopic(fleet, "app" as CallerId, "cam-2" as DeviceId) }),
    encodePredictRequest({ ...request, replyTo: answerTopic("bergen" as FleetId, "app" as CallerId, device) }),
    encodePredictRequest({ ...request, replyTo: deviceTopics(fleet, device).desired }),
    encodePredictRequest({ ...request, replyTo: `${replyTo}/#` }),
    Uint8Array.of(1, 2, 3),
    new Uint8Array(0),
    Buffer.from("{}"),
  ];
  for (const bytes of asked) predict.handle(topicOf("digits"), bytes);
  predict.handle(deviceTopics(fleet, device).desired, encodePredictRequest(request));
  await predict[Symbol.asyncDispose]();
  predict.handle(topicOf("digits"), encodePredictRequest(request));
  t.same(published, []);
});

t.test("closing waits for what is being answered", async (t) => {
  const { predict, answers } = openDevice();
  for (let at = 0; at < 10; at += 1)
    predict.handle(topicOf("digits"), encodePredictRequest({ ...request, id: `c${at}` }));
  await predict[Symbol.asyncDispose]();
  t.equal(answers.length, 10);
});

t.test("an answer that could not be sent is sent when it is asked for again", async (t) => {
  let isOffline = true;
  const published: Uint8Array[] = [];
  const publish = async (_topic: string, payload: Uint8Array) => {
    if (isOffline) throw new Error("offline");
    published.push(payload);
  };
  await using predict = openPredictTopic({
    feedback: agent.feedback,
    engine: agent.engine,
    predictor,
    fleet,
    device,
    publish,
    log: openLog("test", "silent"),
  });
  let computed = 0;
  using _observing = agent.engine.observe({
    answered: () => (computed += 1),
    failed: () => undefined,
    crashed: () => undefined,
  });
  predict.handle(topicOf("digits"), encodePredictRequest(request));
  await until("it is computed", () => computed === 1);
  isOffline = false;
  await until("it is sent", () => {
    predict.handle(topicOf("digits"), encodePredictRequest(request));
    return published.length > 0;
  });
  t.equal(computed, 1);
});

t.test("a picture is answered with what the model makes of it; one that is none, with its status", async (t) => {
  const seeing = parseModelJson(
    Buffer.from(
      JSON.stringify({
        ...digitsFolder("1.1.0").model,
        name: "seen",
        preprocessing: [
          {
            kind: "picture",
            input: "pixels",
            resize: { mode: "stretch", width: 8, height: 8 },
            colour: "gray",
            layout: "flat",
          },
        ],
        postprocessing: [{ kind: "classes", output: "probabilities", top: 1 }],
      }),
    ),
  );
  const model = "seen" as ModelName;
  await agent.serve({ ...digitsFolder("1.1.0"), model: seeing });
  const { ask } = openDevice();
  const media = png(photograph(40, 40));
  for (const encoding of ["cbor", "json"] as const) {
    const answer = await ask({ ...request, id: `seen-${encoding}`, model, inputs: [], media }, encoding);
    t.match(answer, { kind: "outputs", outputs: [], results: { top: [{ label: String }] }, times: { preMs: Number } });
  }
  const asked = await ask({ ...request, id: "seen-outputs", model, inputs: [], media, outputs: ["probabilities"] });
  t.match(asked, { outputs: [{ name: "probabilities", shape: [1, 10] }] });
  const cut = await ask({ ...request, id: "seen-cut", model, inputs: [], media: media.subarray(0, 200) });
  t.match(cut, { kind: "error", status: 400, error: /PNG file is damaged/ });
  t.match(await ask({ ...request, id: "nothing", inputs: [] }), { kind: "error", status: 400, error: /no media/ });
});
