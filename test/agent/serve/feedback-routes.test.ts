/** Truth joined to predictions as callers send both: over HTTP in several dialects, and over MQTT. */
import t from "tap";
import { openMediaPredictor } from "../../../agent/processing/media-predictor.ts";
import { openPredictTopic } from "../../../agent/serve/predict-topic.ts";
import { openLog } from "../../../common/log.ts";
import type { CallerId, DeviceId, FleetId, ModelName } from "../../../protocol/ids.ts";
import { encodeFeedbackMessage } from "../../../protocol/messages/predict-request.ts";
import { decodePredictResponse, type PredictResponse } from "../../../protocol/messages/predict-response.ts";
import { answerTopic, deviceTopics } from "../../../protocol/topics.ts";
import { readDigits } from "../../support/digits.ts";
import { digitsFolder, writePlusOne } from "../../support/model-folders.ts";
import { openServingAgent } from "../../support/serving-agent.ts";
import { until } from "../../support/until.ts";

const agent = await openServingAgent();
t.teardown(() => agent[Symbol.asyncDispose]());
await agent.serve(digitsFolder("1.1.0"));
const folder = t.testdir();
await agent.serve(await writePlusOne(folder));
const digits = readDigits().slice(0, 20);

async function post(path: string, body: unknown, headers: Record<string, string> = {}) {
  const response = await fetch(`${agent.url}${path}`, { method: "POST", body: JSON.stringify(body), headers });
  return { status: response.status, body: (await response.json()) as Record<string, unknown> };
}

async function get(path: string): Promise<unknown> {
  return (await fetch(`${agent.url}${path}`)).json();
}

const input = (at: number) => ({ name: "pixels", datatype: "FP32", shape: [1, 64], data: digits[at]?.pixels });
const predict = (id: string, at: number) => post("/v2/models/digits/infer", { id, inputs: [input(at)] });
const feedback = "/v2/models/digits/feedback";

t.test("truth is joined to predictions by their ids, and told class by class", async (t) => {
  for (let at = 0; at < 6; at += 1) await predict(`r-${at}`, at);
  for (let at = 0; at < 4; at += 1) {
    const answer = await post(feedback, { id: `r-${at}`, label: digits[at]?.label });
    t.match(answer, { status: 200, body: { joined: 1, duplicate: 0 } });
  }
  const wrong = String((Number(digits[4]?.label) + 1) % 10);
  t.match(await post(feedback, { feedback: [{ id: "r-4", label: wrong }] }), { body: { joined: 1 } });
  const said = (await get(feedback)) as { versions: { classes: { label: string; recall: number }[] }[] };
  t.match(said, {
    model: "digits",
    versions: [{ version: "1.1.0", judged: 5, accuracy: 0.8 }],
    window: { predictions: 6, hours_max: 24 },
  });
  t.match(
    said.versions[0]?.classes.find(({ label }) => label === wrong)?.recall !== undefined,
    true,
    "the class that should have been is there",
  );
  const metrics = await (await fetch(`${agent.url}/metrics`)).text();
  t.ok(metrics.includes('ferry_agent_accuracy_ratio{slot="digits",version="1.1.0"} 0.8\n'));
});

t.test("the same truth twice counts once, and unknown ids are told", async (t) => {
  t.match(await post(feedback, { id: "r-0", label: "3" }), { status: 200, body: { joined: 0, duplicate: 1 } });
  t.match(await post(feedback, { id: "nobody", label: "3" }), {
    status: 404,
    body: { error: /^nobody: No prediction with this id is remembered here: the last 20000 .* 24 hours .* since/ },
  });
  const both = await post(feedback, [
    { id: "r-5", label: digits[5]?.label },
    { id: "nobody", label: "3" },
  ]);
  t.match(both, { status: 200, body: { joined: 1, unknown: 1, problems: [{ id: "nobody" }] } });
});

t.test("truth that does not fit is refused with what would, and may come again", async (t) => {
  await predict("r-9", 0);
  t.match(await post(feedback, { id: "r-9", label: "ten" }), {
    status: 400,
    body: { error: /no class "ten": give one of 0, 1, 2/ },
  });
  t.match(await post(feedback, { id: "r-9", value: 3 }), {
    status: 400,
    body: { error: /is a class: give its label/ },
  });
  t.match(
    await post(feedback, { id: "r-9", label: Number(digits[0]?.label) }),
    { body: { joined: 1 } },
    "by its index",
  );
  for (const body of [{}, { id: "r-9" }, [], { id: "", label: "3" }, { id: "r-9", label: -1 }, "r-9"]) {
    t.match(await post(feedback, body), { status: 400 }, JSON.stringify(body));
  }
  t.match(await post("/v2/models/nothing/feedback", { id: "r", label: "1" }), { status: 404 });
});

t.test("values are held against values", async (t) => {
  for (const id of ["v-1", "v-2"]) {
    const x = { name: "x", datatype: "FP32", shape: [2], data: [1, 2] };
    await post("/v2/models/plus-one/infer", { id, inputs: [x] });
  }
  const path = "/v2/models/plus-one/feedback";
  // [2] is a shape of classes too: of two scores the higher one.
  t.match(await post(path, { id: "v-1", label: 1 }), { body: { joined: 1 } });
  const x = { name: "x", datatype: "FP32", shape: [1], data: [1] };
  await post("/v2/models/plus-one/infer", { id: "v-3", inputs: [x] });
  t.match(await post(path, { id: "v-3", values: [1, 2] }), { status: 400, body: { error: /is a number: give value/ } });
  t.match(await post(path, { id: "v-3", value: 4 }), { body: { joined: 1 } });
  t.match(await get(path), { versions: [{ measured: 1, mse: 4, mae: 2, judged: 1 }] });
});

t.test("a dialect without ids has them from the header X-Request-Id", async (t) => {
  const answer = await post("/predict/digits", { inputs: { pixels: [digits[0]?.pixels] } }, { "X-Request-Id": "h-1" });
  t.equal(answer.status, 200);
  t.match(await post(feedback, { id: "h-1", label: digits[0]?.label }), { body: { joined: 1 } });
});

t.test("over MQTT truth comes on the topic of the model", async (t) => {
  await predict("m-1", 0);
  const [fleet, device] = ["oslo" as FleetId, "cam-1" as DeviceId];
  const answers: PredictResponse[] = [];
  const publish = async (_topic: string, payload: Uint8Array) => {
    answers.push(decodePredictResponse(payload));
  };
  await using predictor = openMediaPredictor({ engine: agent.engine, log: openLog("test", "silent") });
  await using topic = openPredictTopic({
    engine: agent.engine,
    predictor,
    feedback: agent.feedback,
    fleet,
    device,
    publish,
    log: openLog("test", "silent"),
  });
  const model = "digits" as ModelName;
  const say = async (id: string, label: string, of = model) => {
    const replyTo = answerTopic(fleet, "app" as CallerId, device);
    const message = { id, replyTo, model: of, feedback: [{ id: "m-1", label }] };
    const before = answers.length;
    topic.handle(deviceTopics(fleet, device).predict(model), encodeFeedbackMessage(message));
    return until("the device answers", () => answers[before]);
  };
  t.match(await say("f-1", digits[0]?.label ?? ""), { kind: "feedback", id: "f-1", feedback: { joined: 1 } });
  t.match(await say("f-2", digits[0]?.label ?? ""), { kind: "feedback", feedback: { joined: 0, duplicate: 1 } });
  t.match(await say("f-3", "1", "other" as ModelName), { kind: "error", status: 400 });
});
