import t from "tap";
import { once } from "node:events";
import { connect } from "node:net";
import mqtt, { type IClientOptions, type MqttClient } from "mqtt";
import { openEmbeddedBroker, PACKET_BYTES_MAX } from "../../../controller/broker/embedded-broker.ts";
import { openLog } from "../../../common/log.ts";
import { until } from "../../support/until.ts";

const log = openLog("test-broker", "silent");
const open = () => openEmbeddedBroker({ host: "127.0.0.1", port: 0, log });

async function client(url: string, clientId: string, options: IClientOptions = {}): Promise<MqttClient> {
  const opened = await mqtt.connectAsync(url, { clientId, protocolVersion: 4, reconnectPeriod: 0, ...options });
  // A connection that the broker ends in mid-write is reset.
  opened.on("error", () => undefined);
  return opened;
}

function closeOf(opened: MqttClient): Promise<void> {
  return new Promise((resolve) => {
    opened.once("close", () => {
      resolve();
    });
  });
}

const CHUNK_TOPIC = "mf1/f/g/all/x/0123456789abcdef";

t.test("carries messages from a device to the controller and back", async (t) => {
  await using broker = await open();
  const controller = await client(broker.url, "controller");
  const device = await client(broker.url, "cam-1");
  const heard: string[] = [];
  for (const each of [controller, device]) each.on("message", (topic) => heard.push(topic));
  await controller.subscribeAsync("mf1/f/d/+/up/+", { qos: 1 });
  await device.subscribeAsync("mf1/f/d/cam-1/dn/desired", { qos: 1 });
  await device.publishAsync("mf1/f/d/cam-1/up/report", "r", { qos: 1 });
  await controller.publishAsync("mf1/f/d/cam-1/dn/desired", "d", { qos: 1, retain: true });
  await until("both have heard", () => heard.length === 2);
  t.same(heard.toSorted(), ["mf1/f/d/cam-1/dn/desired", "mf1/f/d/cam-1/up/report"]);
  t.match(broker.stats(), { connections: 2, retainedTopics: 1, retainedBytes: 1, refused: 0 });
  controller.end(true);
  device.end(true);
});

t.test("a client that publishes what it may not is disconnected", async (t) => {
  await using broker = await open();
  const device = await client(broker.url, "cam-1");
  const closed = closeOf(device);
  device.publish("mf1/f/d/cam-2/up/report", "forged", { qos: 0 });
  await closed;
  t.equal(broker.stats().refused, 1);
  device.end(true);
});

t.test("a subscription that it may not have is refused, the others stand", async (t) => {
  await using broker = await open();
  const device = await client(broker.url, "cam-1");
  const filters = ["mf1/f/d/cam-1/dn/x", "mf1/f/d/cam-2/dn/x", "$share/g/mf1/f/g/all/cmd"];
  const granted = await new Promise<number[]>((resolve) => {
    device.on("packetreceive", (packet) => {
      if (packet.cmd === "suback") resolve(packet.granted as number[]);
    });
    device.subscribe(filters, { qos: 1 }, () => undefined);
  });
  t.same(granted, [1, 128, 128]);
  device.end(true);
});

t.test("a packet that is too large ends the connection before it is collected", async (t) => {
  await using broker = await open();
  const device = await client(broker.url, "cam-1");
  const controller = await client(broker.url, "controller");
  let heard = 0;
  controller.on("message", () => (heard += 1));
  await controller.subscribeAsync("mf1/f/d/+/up/+");
  await device.publishAsync("mf1/f/d/cam-1/up/t", Buffer.alloc(PACKET_BYTES_MAX - 100), { qos: 1 });
  await until("the largest packet has passed", () => heard === 1);
  const closed = closeOf(device);
  device.publish("mf1/f/d/cam-1/up/t", Buffer.alloc(PACKET_BYTES_MAX + 1), { qos: 0 });
  await closed;
  t.equal(heard, 1);
  device.end(true);
  controller.end(true);
});

t.test("sessions do not outlive their connections, even for a client that wishes it", async (t) => {
  await using broker = await open();
  const controller = await client(broker.url, "controller");
  for (const round of [1, 2]) {
    const device = mqtt.connect(broker.url, { clientId: "cam-1", clean: false, reconnectPeriod: 0 });
    const isSessionPresent = await new Promise<boolean>((resolve) => {
      device.once("connect", ({ sessionPresent }) => {
        resolve(sessionPresent);
      });
    });
    t.equal(isSessionPresent, false, `connection ${round}`);
    await device.subscribeAsync("mf1/f/d/cam-1/dn/cmd", { qos: 1 });
    device.on("message", () => t.fail("a message of an earlier session"));
    await device.endAsync(true);
    await controller.publishAsync("mf1/f/d/cam-1/dn/cmd", "late", { qos: 1 });
  }
  controller.end(true);
});

t.test("a frozen client gets no bulk beyond 4 MB, and the others get all", async (t) => {
  await using broker = await open();
  const controller = await client(broker.url, "controller");
  const healthy = await client(broker.url, "cam-1");
  const frozen = await client(broker.url, "cam-2");
  let heard = 0;
  healthy.on("message", () => (heard += 1));
  for (const device of [healthy, frozen]) await device.subscribeAsync(CHUNK_TOPIC, { qos: 0 });
  frozen.stream.pause();
  const frames = 400;
  for (let sent = 0; sent < frames; sent += 1) {
    await controller.publishAsync(CHUNK_TOPIC, Buffer.alloc(60_000), { qos: 0 });
    if (sent % 20 === 0) await until("the healthy one follows", () => heard >= sent - 20);
  }
  await until("the healthy one has all", () => heard === frames);
  t.ok(broker.stats().bulkSkipped > 200, `${broker.stats().bulkSkipped} frames were not given to the frozen one`);
  for (const each of [controller, healthy, frozen]) each.end(true);
});

t.test("retained messages beyond the bound are passed on, not kept", async (t) => {
  await using broker = await open();
  const controller = await client(broker.url, "controller");
  const large = Buffer.alloc(120_000, 1);
  const roots = Math.ceil((64 * 1024 ** 2) / large.length) + 3;
  for (let version = 1; version <= roots; version += 1) {
    await controller.publishAsync(`mf1/f/trust/root/${version}`, large, { qos: 1, retain: true });
  }
  const stats = broker.stats();
  t.ok(stats.retainedBytes <= 64 * 1024 ** 2 && stats.retainedTopics < roots);
  t.ok(stats.refused >= 3);
  controller.end(true);
});

t.test("a second client of one name takes over from the first", async (t) => {
  await using broker = await open();
  const first = await client(broker.url, "cam-1");
  const closed = closeOf(first);
  const second = await client(broker.url, "cam-1");
  await closed;
  t.equal(second.connected, true);
  for (const each of [first, second]) each.end(true);
});

t.test("a client without any keep-alive is refused: nobody would ever miss it", async (t) => {
  await using broker = await open();
  await t.rejects(client(broker.url, "cam-1", { keepalive: 0, connectTimeout: 2_000 }));
});

t.test("bytes that are no MQTT end the connection, not the broker", async (t) => {
  await using broker = await open();
  const socket = connect(broker.port, "127.0.0.1");
  socket.on("error", () => undefined);
  const closed = once(socket, "close");
  socket.write("GET / HTTP/1.1\r\n\r\n");
  await closed;
  const device = await client(broker.url, "cam-1");
  t.equal(device.connected, true);
  device.end(true);
});

t.test("a taken port is told as such", async (t) => {
  await using broker = await open();
  await t.rejects(openEmbeddedBroker({ host: "127.0.0.1", port: broker.port, log }), {
    code: "port-taken",
    message: new RegExp(`port ${broker.port}`),
    hint: /another port/,
  });
});

t.test("an address that is not this machine's is told as such", async (t) => {
  await t.rejects(openEmbeddedBroker({ host: "192.0.2.1", port: 0, log }), { code: "listen-failed" });
});

t.test("closes with clients connected", async (t) => {
  const broker = await open();
  const device = await client(broker.url, "cam-1");
  const closed = closeOf(device);
  await broker[Symbol.asyncDispose]();
  await closed;
  t.equal(broker.stats().connections, 0);
});
