/** A device over a real broker, asked by clients that know nothing of these sources: mqtt.js, and bytes written by hand. */
import { execFile } from "node:child_process";
import { once } from "node:events";
import { promisify } from "node:util";
import t from "tap";
import { openMediaPredictor } from "../../../agent/processing/media-predictor.ts";
import { openPredictTopic } from "../../../agent/serve/predict-topic.ts";
import { systemClock } from "../../../common/clock.ts";
import { openLog } from "../../../common/log.ts";
import { openMqttLink } from "../../../common/mqtt-link.ts";
import { openEmbeddedBroker } from "../../../controller/broker/embedded-broker.ts";
import type { DeviceId, FleetId } from "../../../protocol/ids.ts";
import { deviceTopics } from "../../../protocol/topics.ts";
import { readDigits } from "../../support/digits.ts";
import { digitsFolder } from "../../support/model-folders.ts";
import { openSocket } from "../../support/raw-http.ts";
import { openServingAgent } from "../../support/serving-agent.ts";

const log = openLog("test", "silent");
const [fleet, device] = ["oslo" as FleetId, "cam-1" as DeviceId];
const [digit] = readDigits();

const agent = await openServingAgent();
t.teardown(() => agent[Symbol.asyncDispose]());
await agent.serve(digitsFolder("1.1.0"));
const broker = await openEmbeddedBroker({ host: "127.0.0.1", port: 0, log });
t.teardown(() => broker[Symbol.asyncDispose]());
const connected = Promise.withResolvers<unknown>();
const predictor = openMediaPredictor({ engine: agent.engine, log });
t.teardown(() => predictor[Symbol.asyncDispose]());
const predict = openPredictTopic({
  engine: agent.engine,
  predictor,
  feedback: agent.feedback,
  fleet,
  device,
  publish: (...message) => link.publish(...message),
  log,
});
const link = openMqttLink({
  url: broker.url,
  clientId: device,
  keepAliveSeconds: 60,
  subscriptions: new Map([[deviceTopics(fleet, device).predictAny, 1]]),
  onConnect: connected.resolve,
  onMessage: predict.handle,
  clock: systemClock,
  log,
});
t.teardown(async () => {
  await predict[Symbol.asyncDispose]();
  await link[Symbol.asyncDispose]();
});
await connected.promise;

t.test("mqtt.js asks in one publish, and in parts in both directions", async (t) => {
  for (const [rows, shape] of [
    ["1", "1 x 10"],
    ["2000", "2000 x 10"],
  ] as const) {
    const { stdout } = await promisify(execFile)(
      process.execPath,
      ["examples/clients/mqtt.mjs", broker.url, fleet, device],
      { env: { ...process.env, ROWS: rows } },
    );
    t.match(stdout, new RegExp(`^digits 1\\.1\\.0: 7 \\(0\\.\\d{4}\\), ${shape}\\n$`));
  }
});

/** MQTT 3.1.1 by hand, packets shorter than 16 kB. */
function packet(type: number, body: Buffer): Buffer {
  const length =
    body.length < 128 ? Buffer.of(body.length) : Buffer.of((body.length % 128) | 0x80, Math.floor(body.length / 128));
  return Buffer.concat([Buffer.of(type), length, body]);
}
function text(value: string): Buffer {
  const bytes = Buffer.from(value);
  return Buffer.concat([Buffer.of(bytes.length >> 8, bytes.length & 0xff), bytes]);
}

/** What the device publishes to a request that is written as JSON by hand. */
async function askByHand(request: object): Promise<unknown> {
  const replyTo = `mf1/${fleet}/c/by-hand/in/${device}`;
  const socket = await openSocket(broker.url);
  const chunks: Buffer[] = [];
  socket.on("data", (chunk: Buffer) => chunks.push(chunk));
  const json = JSON.stringify({ replyTo, timeoutMs: 10_000, model: "digits", ...request });
  socket.write(packet(0x10, Buffer.concat([text("MQTT"), Buffer.of(4, 2, 0, 60), text("by-hand")])));
  socket.write(packet(0x82, Buffer.concat([Buffer.of(0, 1), text(replyTo), Buffer.of(0)])));
  await once(socket, "data");
  socket.write(packet(0x30, Buffer.concat([text(`mf1/${fleet}/d/${device}/p/digits`), Buffer.from(json)])));
  for (;;) {
    const all = Buffer.concat(chunks);
    const begin = all.indexOf("{");
    if (begin > 0 && all.toString().endsWith("}")) {
      socket.destroy();
      return JSON.parse(all.toString("utf8", begin));
    }
    await once(socket, "data");
  }
}

const pixels = { name: "pixels", datatype: "FP32", shape: [1, 64], data: digit?.pixels };

t.test("JSON bytes written by hand have the fields of OIP v2, and get them back", async (t) => {
  t.match(await askByHand({ id: "a", inputs: [pixels], priority: 1, parameters: { x: 1 } }), {
    id: "a",
    model_name: "digits",
    model_version: "1.1.0",
    outputs: [{ name: "probabilities", datatype: "FP32", shape: [1, 10] }],
  });
  const classes = [{ name: "probabilities", parameters: { classification: 2 } }];
  t.match(await askByHand({ id: "b", inputs: [pixels], outputs: classes }), {
    outputs: [{ datatype: "BYTES", shape: [1, 2], data: [/^0\.\d+:\d:\d$/, /:/] }],
  });
});

const wrong: readonly [what: string, request: object, status: number, error: RegExp][] = [
  ["an unknown version", { inputs: [pixels], version: "9" }, 404, /9/],
  ["an unknown output", { inputs: [pixels], outputs: [{ name: "y" }] }, 400, /no output "y"/],
  ["another shape", { inputs: [{ ...pixels, shape: [64] }] }, 400, /has shape \[64\], expected \[-1, 64\]/],
  ["a datatype that does not exist", { inputs: [{ ...pixels, datatype: "BF16" }] }, 400, /datatype/],
  ["no inputs", {}, 400, /inputs/],
];
for (const [what, request, status, error] of wrong) {
  t.test(`${what} is answered with ${String(status)} and a sentence`, async (t) => {
    t.match(await askByHand({ id: what, ...request }), { id: what, status, error });
  });
}
