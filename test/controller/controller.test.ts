/** A whole controller with its broker and database, and devices in the hands of the test. */
import t from "tap";
import { closeSync, existsSync, openSync, writeSync } from "node:fs";
import { join } from "node:path";
import { Readable } from "node:stream";
import { openLog } from "../../common/log.ts";
import { openEmbeddedBroker } from "../../controller/broker/embedded-broker.ts";
import type { Rollout } from "../../controller/http/rollout-routes.ts";
import type { DeviceId, ModelName, ModelVersion, SessionId } from "../../protocol/ids.ts";
import type { Deployment } from "../../protocol/trust/deployment.ts";
import type { SlotReport } from "../../protocol/trust/report.ts";
import { signedDigits } from "../support/bundles.ts";
import { openTestController, type TestController } from "../support/controller-api.ts";
import { EVIDENCE } from "../support/device-views.ts";
import { openHandDevice, type HandDevice } from "../support/hand-device.ts";
import { freePorts } from "../support/programs.ts";
import { until } from "../support/until.ts";

const cam = "cam-1" as DeviceId;
const digits = { model: "digits" as ModelName, version: "1.0.0" as ModelVersion };

/** Birth, inventory, hello: as an agent does after each connect. Gives the answer. */
async function introduced(device: HandDevice, seq = 0): Promise<Deployment> {
  await device.say("online");
  await device.introduce();
  const nonce = await device.hello(seq);
  return until("the hello is answered", () => device.desired()?.nonce === nonce && device.desired());
}

async function pushDigits({ client, publisher, paths }: TestController) {
  const { archive, statement } = await signedDigits(join(paths.home, "digits"), publisher);
  const { outcome } = await client.pushBundle({ body: Readable.from([archive]) });
  return { archive, statement, outcome };
}

/** What an agent reports once it serves what it was asked to. */
function served({ slots }: Deployment): SlotReport[] {
  return slots.map(({ slot, model, version, statement }) => ({
    slot,
    phase: "committed",
    desired: statement,
    active: { model, version, statement, sinceMs: Date.now(), evidence: EVIDENCE },
  }));
}

const rolloutOf = async ({ client }: TestController, id: number): Promise<Rollout> =>
  (await client.getRollout({ params: { id }, query: { devices: 100 } })).rollout;

t.test("from a push to done by evidence, and back when the evidence goes", async (t) => {
  await using controller = await openTestController(join(t.testdir(), "home"));
  const { client } = controller;
  await using device = await openHandDevice(controller.brokerUrl, controller.fleet, cam);
  t.match(await introduced(device), { seq: 1, slots: [] }, "a newcomer gets sequence 1 and no slots");
  const { archive, statement, outcome } = await pushDigits(controller);
  t.equal(outcome, "added");
  const again = await client.pushBundle({ body: Readable.from([archive]) });
  t.match(again, { outcome: "already-there", bundle: { statement } });

  const { rollout, plan } = await client.createRollout({ body: { ...digits, selector: "site=oslo" } });
  t.match(plan.devices, [{ device: cam, action: "install" }]);
  const deployment = await until("it is deployed", () => device.desired()?.seq === 2 && device.desired());
  t.match(deployment.slots, [{ slot: "digits", statement, archive: { length: archive.byteLength } }]);

  await device.report({ seq: 2, slots: served(deployment) });
  await until("the rollout is completed", async () => (await rolloutOf(controller, rollout.id)).state === "completed");
  const [lost] = served(deployment);
  await device.report({
    seq: 2,
    slots: [
      {
        slot: lost?.slot ?? digits.model,
        phase: "rolled-back",
        desired: statement,
        refusal: { code: "runner-crash", message: "it crashed" },
      },
    ],
  });
  await until("done is taken back", async () => (await rolloutOf(controller, rollout.id)).state === "failed");
  const detail = await client.getDevice({ params: { device: cam } });
  t.match(detail.rollouts, [{ state: "failed", why: "runner-crash: it crashed" }]);
});

t.test("a report of a stranger, or an old one, moves nothing, and is told as an event", async (t) => {
  await using controller = await openTestController(join(t.testdir(), "home"));
  const { client } = controller;
  await using device = await openHandDevice(controller.brokerUrl, controller.fleet, cam);
  await using stranger = await openHandDevice(controller.brokerUrl, controller.fleet, "cam-2");
  await introduced(device);
  await device.report({ seq: 1 });
  await device.report({ seq: 2 }, stranger.key);
  await device.report({ seq: 3, counter: 1 });
  await device.raw("report", "nonsense");
  await device.raw("hello", "{}");
  await device.introduce({ publicKey: stranger.key.publicKey.pem });
  const kinds = await until("all are told", async () => {
    const { events } = await client.listEvents({ query: { limit: 100 } });
    const refused = events.map(({ kind }) => kind).filter((kind) => kind.endsWith("-refused"));
    return refused.length === 5 && refused;
  });
  t.same(kinds.sort(), ["device-key-refused", "message-refused", "report-refused", "report-refused", "report-refused"]);
  t.match((await client.getDevice({ params: { device: cam } })).report, { seq: 1 });
});

t.test("a late death of an earlier session changes nothing; its own does", async (t) => {
  await using controller = await openTestController(join(t.testdir(), "home"));
  const { client } = controller;
  await using device = await openHandDevice(controller.brokerUrl, controller.fleet, cam);
  await introduced(device);
  await device.say("offline", "ffffffffffffffff" as SessionId);
  await device.report({ seq: 1 });
  const shown = await until("the report after it has arrived", async () => {
    const detail = await client.getDevice({ params: { device: cam } });
    return detail.report !== undefined && detail;
  });
  t.equal(shown.device.online, true);
  await device.say("offline");
  await until("its own death counts", async () => !(await client.getDevice({ params: { device: cam } })).device.online);
});

t.test("a prediction goes to the device and back, in its own words and with inputs by name", async (t) => {
  await using controller = await openTestController(join(t.testdir(), "home"));
  const { client } = controller;
  await using device = await openHandDevice(controller.brokerUrl, controller.fleet, cam);
  await introduced(device);
  await pushDigits(controller);
  const params = { device: cam, model: digits.model };
  const pixels = Array.from({ length: 64 }, () => 0);
  const inputs = [{ name: "pixels", datatype: "FP32" as const, shape: [1, 64], data: pixels }];

  device.answer = ({ id, model, inputs: [first] }) =>
    first === undefined
      ? { kind: "error", id, error: "nothing came", status: 400 }
      : { kind: "outputs", id, model, version: digits.version, outputs: [{ ...first, name: "echo" }] };
  const answer = await client.predict({ params, body: { inputs } });
  t.match(answer, {
    model_name: "digits",
    model_version: "1.0.0",
    outputs: [{ name: "echo", shape: [1, 64], data: pixels }],
  });

  const byName = { inputs: { pixels: [pixels] } };
  await t.rejects(client.predict({ params, body: byName }), { code: "not-found", message: /does not serve digits/ });
  const named = await client.predict({ params, body: { ...byName, version: digits.version } });
  t.match(named.outputs, [{ datatype: "FP32", shape: [1, 64] }]);
  await t.rejects(client.predict({ params, body: { inputs: { pixel: [1] }, version: digits.version } }), {
    code: "bad-input",
    message: /no input "pixel"/,
  });

  device.answer = ({ id }) => ({ kind: "error", id, error: "the queue is full", status: 429 });
  await t.rejects(client.predict({ params, body: { inputs } }), {
    code: "prediction-refused",
    exitCode: 5,
    message: /429: the queue is full/,
  });
  device.answer = undefined;
  await t.rejects(client.predict({ params, body: { inputs, timeoutMs: 50 } }), { code: "no-answer", exitCode: 124 });
  await device.say("offline");
  await until("it is offline", async () => !(await client.getDevice({ params: { device: cam } })).device.online);
  await t.rejects(client.predict({ params, body: { inputs } }), { code: "device-offline", exitCode: 5 });
});

t.test("a damaged database is moved aside; bundles, devices and sequences come back", async (t) => {
  const home = join(t.testdir(), "home");
  let seq: number;
  {
    await using before = await openTestController(home);
    await using device = await openHandDevice(before.brokerUrl, before.fleet, cam);
    await introduced(device);
    await pushDigits(before);
    await before.client.createRollout({ body: { ...digits, selector: "" } });
    const deployment = await until("it is deployed", () => device.desired()?.seq === 2 && device.desired());
    seq = deployment.seq;
  }
  damage(join(home, "controller", "controller.db"));

  await using after = await openTestController(home);
  t.ok(after.damagedDatabase !== undefined && existsSync(after.damagedDatabase), "nothing is deleted");
  const { bundles } = await after.client.listBundles({ query: {} });
  t.match(bundles, [{ name: "digits", version: "1.0.0" }], "the shelf is read again");
  await using device = await openHandDevice(after.brokerUrl, after.fleet, cam);
  await device.say("online");
  await device.introduce();
  const nonce = await device.hello(seq);
  const [bundle] = bundles;
  if (bundle === undefined) throw new Error("the bundle is there");
  const { statement, version } = bundle;
  const active = { model: digits.model, version, statement, sinceMs: 0, evidence: EVIDENCE };
  await device.report({ seq, slots: [{ slot: digits.model, phase: "committed", desired: statement, active }] });
  const deployment = await until("it is answered", device.desired);
  t.match(deployment, { seq: seq + 1, nonce, slots: [{ statement }] }, "it goes on with what it runs, one further");
});

function damage(path: string): void {
  const file = openSync(path, "r+");
  writeSync(file, Buffer.alloc(8_192, 0x5a), 0, 8_192, 0);
  closeSync(file);
}

t.test("a broker that is not there is said, and used when it comes", async (t) => {
  const [port = 0] = await freePorts(1);
  const brokerUrl = `mqtt://127.0.0.1:${String(port)}`;
  await using controller = await openTestController(join(t.testdir(), "home"), { brokerUrl });
  t.match(await controller.client.getStatus({}), {
    status: "degraded",
    problems: [`there is no connection to the broker ${brokerUrl}`],
    broker: { connected: false, embedded: false },
  });
  await using _broker = await openEmbeddedBroker({ host: "127.0.0.1", port, log: openLog("test", "silent") });
  await until("it is connected", async () => (await controller.client.getHealth({})).status === "ok");
});

t.test("a taken port is named, with the option that changes it", async (t) => {
  const directory = t.testdir();
  await using first = await openTestController(join(directory, "first"));
  const mqttPort = Number(new URL(first.brokerUrl).port);
  await t.rejects(openTestController(join(directory, "second"), { mqttPort }), {
    code: "port-taken",
    message: new RegExp(String(mqttPort)),
  });
});
