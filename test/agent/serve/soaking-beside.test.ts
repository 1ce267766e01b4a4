/** What callers see of a version that soaks beside the one that answers: over HTTP, in every dialect, and over MQTT. */
import t from "tap";
import { placeOf } from "../../../agent/inference/slot/route.ts";
import { openMediaPredictor } from "../../../agent/processing/media-predictor.ts";
import { openPredictTopic } from "../../../agent/serve/predict-topic.ts";
import { openLog } from "../../../common/log.ts";
import type { CallerId, DeviceId, FleetId, ModelName } from "../../../protocol/ids.ts";
import { encodePredictRequest } from "../../../protocol/messages/predict-request.ts";
import { decodePredictResponse } from "../../../protocol/messages/predict-response.ts";
import { answerTopic, deviceTopics } from "../../../protocol/topics.ts";
import { readDigits } from "../../support/digits.ts";
import { never } from "../../support/engine-bench.ts";
import { digitsFolder, floats } from "../../support/model-folders.ts";
import { openServingAgent } from "../../support/serving-agent.ts";
import { until } from "../../support/until.ts";

const agent = await openServingAgent();
t.teardown(() => agent[Symbol.asyncDispose]());
const { engine, url } = agent;
const digits = "digits" as ModelName;
const next = digitsFolder("1.1.0");
await agent.serve(digitsFolder("1.0.0"));

async function soakBeside(kind: "split" | "shadow", share: number): Promise<void> {
  const qualification = await engine.qualify(digits, next, never);
  if (qualification.kind === "refused") throw new Error(qualification.refusal.message);
  await engine.activate(digits, qualification.candidate, { kind, share });
}

const pixels = readDigits()[0]?.pixels ?? [];
const input = { name: "pixels", datatype: "FP32", shape: [1, 64], data: pixels };
const keyWhere = (isTried: boolean) =>
  Array.from({ length: 1_000 }, (_, at) => `cam-${at}`).find((key) => placeOf(key, next.statement) < 0.5 === isTried) ??
  "";
const [tried, untried] = [keyWhere(true), keyWhere(false)];

async function post(path: string, body: object, headers: Record<string, string> = {}) {
  const response = await fetch(`${url}${path}`, { method: "POST", body: JSON.stringify(body), headers });
  return { status: response.status, body: (await response.json()) as Record<string, unknown> };
}

const key = (value: string) => ({ "Ferry-Request-Key": value });
const oip = "/v2/models/digits/infer";

t.test("of a shadow the statistics and metrics tell what it did, version by version", async (t) => {
  await soakBeside("shadow", 1);
  for (let at = 0; at < 5; at += 1) {
    t.match(await post(oip, { inputs: [input], id: tried }), { body: { model_version: "1.0.0" } });
  }
  await until("all copies are computed", () => engine.observed(digits)?.agreement.compared === 5);
  const { model_stats } = (await (await fetch(`${url}/v2/models/digits/stats`)).json()) as {
    model_stats: { version: string; soak?: object }[];
  };
  t.match(model_stats.find(({ version }) => version === "1.1.0")?.soak, { copies_answered: 5, compared: 5, alike: 5 });
  t.notOk("soak" in (model_stats.find(({ version }) => version === "1.0.0") ?? {}));
  const metrics = await (await fetch(`${url}/metrics`)).text();
  const of = 'slot="digits",version="1.1.0"';
  t.ok(metrics.includes(`ferry_agent_shadow_copies_total{${of},outcome="answered"} 5\n`));
  t.ok(metrics.includes(`ferry_agent_compared_total{${of},agrees="true"} 5\n`));
  t.match(metrics, /ferry_agent_model_info\{slot="digits",version="1\.1\.0",.*,role="shadow"\} 1\n/);
  t.match(metrics, /ferry_agent_model_info\{slot="digits",version="1\.0\.0",.*,role="active"\} 1\n/);
  await engine.turnBack(digits);
});

t.test("a request's key decides in a split: its parameter before the header, and that before its id", async (t) => {
  await soakBeside("split", 0.5);
  t.teardown(() => engine.turnBack(digits));
  const versionOf = async (body: object, headers = {}) =>
    (await post(oip, { inputs: [input], ...body }, headers)).body["model_version"];
  t.equal(await versionOf({ parameters: { key: tried } }), "1.1.0");
  t.equal(await versionOf({ parameters: { key: untried } }), "1.0.0");
  t.equal(await versionOf({}, key(tried)), "1.1.0");
  t.equal(await versionOf({ parameters: { key: untried } }, key(tried)), "1.0.0");
  t.equal(await versionOf({ id: tried }), "1.1.0");
  t.equal(await versionOf({ id: tried }, key(untried)), "1.0.0");
  t.match(await post("/predict", { inputs: { pixels: [pixels] } }, key(tried)), { body: { version: "1.1.0" } });
  t.match(await post(oip, { inputs: [input] }, key("k".repeat(257))), { status: 400, body: { error: /257.*256/ } });
});

t.test(
  "a path that names one of the two versions gets that one, and one that names a third is told both",
  async (t) => {
    await soakBeside("split", 0.5);
    t.teardown(() => engine.turnBack(digits));
    for (const version of ["1.0.0", "1.1.0"]) {
      const path = `/v2/models/digits/versions/${version}`;
      t.match(await post(`${path}/infer`, { inputs: [input] }, key(tried)), { body: { model_version: version } });
      const before = engine.observed(digits)?.requests ?? 0;
      const instances = { instances: [pixels] };
      t.equal((await post(`/v1/models/digits/versions/${version}:predict`, instances, key(tried))).status, 200);
      t.equal((await post(`/predictions/digits/${version}`, { inputs: { pixels: [pixels] } }, key(tried))).status, 200);
      const asked = (engine.observed(digits)?.requests ?? 0) - before;
      t.equal(asked, version === "1.1.0" ? 2 : 0, "in the older dialects too");
    }
    const unknown = await post("/v2/models/digits/versions/9.0.0/infer", { inputs: [input] });
    t.match(unknown, { status: 404, body: { error: /version 1\.0\.0 and 1\.1\.0 is there/ } });
    const metadata = await (await fetch(`${url}/v2/models/digits`)).json();
    t.match(metadata, { versions: ["1.0.0", "1.1.0"] });
  },
);

t.test("over MQTT the field key decides, and without it the id", async (t) => {
  await soakBeside("split", 0.5);
  t.teardown(() => engine.turnBack(digits));
  const [fleet, device] = ["oslo" as FleetId, "cam-1" as DeviceId];
  const versions = new Map<string, string>();
  const publish = async (_topic: string, payload: Uint8Array) => {
    const answer = decodePredictResponse(payload);
    versions.set(answer.id, answer.kind === "outputs" ? answer.version : JSON.stringify(answer));
  };
  await using predictor = openMediaPredictor({ engine: agent.engine, log: openLog("test", "silent") });
  await using predict = openPredictTopic({
    engine,
    predictor,
    feedback: agent.feedback,
    fleet,
    device,
    publish,
    log: openLog("test", "silent"),
  });
  const ask = async (id: string, named?: string) => {
    const request = {
      id,
      replyTo: answerTopic(fleet, "app" as CallerId, device),
      timeoutMs: 10_000,
      model: digits,
      inputs: [floats("pixels", [1, 64], pixels)],
      ...(named === undefined ? {} : { key: named }),
    };
    predict.handle(deviceTopics(fleet, device).predict(digits), encodePredictRequest(request));
    return until("the device answers", () => versions.get(id));
  };
  t.equal(await ask("q1", tried), "1.1.0");
  t.equal(await ask("q2", untried), "1.0.0");
  t.equal(await ask(tried), "1.1.0");
});
