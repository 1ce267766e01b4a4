import t from "tap";
import { Aedes } from "aedes";
import { createServer, type Server, type Socket } from "node:net";
import { once } from "node:events";
import { systemClock } from "../../common/clock.ts";
import { systemCodeOf } from "../../common/ferry-error.ts";
import { openLog } from "../../common/log.ts";
import { openMqttLink, type MqttLinkOptions } from "../../common/mqtt-link.ts";
import { until } from "../support/until.ts";

interface TestBroker extends AsyncDisposable {
  readonly url: string;
  readonly published: { readonly topic: string; readonly payload: string }[];
  readonly dropConnections: () => void;
}

async function openBroker(port = 0): Promise<TestBroker> {
  const aedes = await Aedes.createBroker();
  const sockets = new Set<Socket>();
  const server: Server = createServer((socket) => {
    sockets.add(socket);
    socket.once("close", () => sockets.delete(socket));
    aedes.handle(socket);
  }).listen(port, "127.0.0.1");
  await once(server, "listening");
  const published: TestBroker["published"] = [];
  aedes.on("publish", (packet, client) => {
    if (client !== null || packet.topic.startsWith("will"))
      published.push({ topic: packet.topic, payload: packet.payload.toString() });
  });
  const address = server.address();
  const dropConnections = () => {
    for (const socket of sockets) socket.destroy();
  };
  return {
    url: `mqtt://127.0.0.1:${String(typeof address === "object" ? address?.port : 0)}`,
    published,
    dropConnections,
    [Symbol.asyncDispose]: async () => {
      dropConnections();
      server.close();
      await new Promise<void>((resolve) => {
        aedes.close(resolve);
      });
    },
  };
}

function options(url: string, changes: Partial<MqttLinkOptions> = {}): MqttLinkOptions {
  return {
    url,
    clientId: "tester",
    keepAliveSeconds: 60,
    subscriptions: new Map(),
    onConnect: () => undefined,
    onMessage: () => undefined,
    clock: systemClock,
    log: openLog("test", "silent"),
    ...changes,
  };
}

t.test("subscriptions stand when onConnect is called, and again after the connection broke", async (t) => {
  await using broker = await openBroker();
  const sessions: string[] = [];
  const heard: string[] = [];
  await using link = openMqttLink(
    options(broker.url, {
      subscriptions: new Map([["fixed", 1]]),
      onConnect: (session) => sessions.push(session),
      onMessage: (topic) => void heard.push(topic),
    }),
  );
  await until("the first connection stands", () => sessions.length === 1);
  await link.subscribe("added", 0);
  broker.dropConnections();
  await until("the second connection stands", () => sessions.length === 2);
  t.not(sessions[0], sessions[1], "each connection is a session of its own");
  await link.publish("fixed", "x", { qos: 1 });
  await link.publish("added", "x", { qos: 0 });
  await until("both topics are heard", () => heard.length === 2);
  t.same(heard.sort(), ["added", "fixed"]);
});

t.test("the will of a session is said when it breaks, and also on a clean close", async (t) => {
  await using broker = await openBroker();
  const sessions: string[] = [];
  const link = openMqttLink(
    options(broker.url, {
      will: (session) => ({ topic: "will", payload: session }),
      onConnect: (session) => sessions.push(session),
    }),
  );
  await until("the first connection stands", () => sessions.length === 1);
  broker.dropConnections();
  await until("the second connection stands", () => sessions.length === 2);
  await link[Symbol.asyncDispose]();
  await until("both wills were said", () => broker.published.length === 2);
  t.same(
    broker.published.map(({ payload }) => payload),
    sessions,
  );
});

t.test("a handler that takes its time holds back the next message", async (t) => {
  await using broker = await openBroker();
  let [running, most, done, connected] = [0, 0, 0, false];
  await using link = openMqttLink(
    options(broker.url, {
      subscriptions: new Map([["work", 0]]),
      onConnect: () => (connected = true),
      onMessage: async () => {
        running += 1;
        most = Math.max(most, running);
        await new Promise((resolve) => setImmediate(resolve));
        running -= 1;
        done += 1;
      },
    }),
  );
  await until("it is connected", () => connected);
  for (let at = 0; at < 20; at += 1) await link.publish("work", "x", { qos: 0 });
  await until("all were handled", () => done === 20);
  t.equal(most, 1);
});

t.test("without a broker, publishing fails at once and closing is quick", async (t) => {
  const link = openMqttLink(options("mqtt://127.0.0.1:1"));
  await t.rejects(link.publish("a", "b", { qos: 1 }), { code: "offline" });
  const startedMs = performance.now();
  await link[Symbol.asyncDispose]();
  t.ok(performance.now() - startedMs < 5_000);
});

t.test("a publish in flight is rejected when the connection breaks, instead of hanging for ever", async (t) => {
  // A server that accepts the connection and never acknowledges a publish.
  const server = createServer((socket) => {
    socket.once("data", () => socket.write(Buffer.from([0x20, 0x02, 0x00, 0x00])));
    socket.on("error", () => undefined);
    setTimeout(() => socket.destroy(), 300);
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  let connected = false;
  const link = openMqttLink(
    options(`mqtt://127.0.0.1:${String(typeof address === "object" ? address?.port : 0)}`, {
      onConnect: () => (connected = true),
    }),
  );
  await until("it is connected", () => connected);
  await t.rejects(link.publish("a", "b", { qos: 1 }), { code: "offline" });
  await link[Symbol.asyncDispose]();
  server.close();
});

t.test(
  "a fleet is answered at once without a warning of leaks, and what a broken connection held is rejected",
  async (t) => {
    // A server that accepts the connection and reads nothing after that.
    const sockets: Socket[] = [];
    const server = createServer((socket) => {
      sockets.push(socket);
      socket.once("data", () => {
        socket.pause().write(Buffer.from([0x20, 0x02, 0x00, 0x00]));
      });
      socket.on("error", () => undefined);
    }).listen(0, "127.0.0.1");
    await once(server, "listening");
    const address = server.address();
    const warnings: string[] = [];
    process.on("warning", ({ message }) => warnings.push(message));
    const link = openMqttLink(options(`mqtt://127.0.0.1:${String(typeof address === "object" ? address?.port : 0)}`));
    await until("it is connected", () => link.session !== undefined);
    // 32 MB: more than the kernel takes, and more than may wait in the socket.
    const chunk = Buffer.alloc(8_192);
    const outcomes = Array.from({ length: 4_000 }, () => codeOf(link.publish("down", chunk, { qos: 0 })));
    const refused = await Promise.race(outcomes.toReversed());
    for (const socket of sockets) socket.destroy();
    const codes = new Set(await Promise.all(outcomes));
    t.equal(refused, "busy");
    t.ok(codes.has("offline"), [...codes].join(", "));
    t.same(warnings, []);
    await link[Symbol.asyncDispose]();
    server.close();
  },
);

async function codeOf(work: Promise<void>): Promise<string> {
  return work.then(
    () => "sent",
    (error: unknown) => systemCodeOf(error) ?? "none",
  );
}

t.test("what the link carries is counted over its connections, as the broker's own end sees it", async (t) => {
  await using broker = await openBroker();
  const link = openMqttLink(options(broker.url, { subscriptions: new Map([["down", 0]]) }));
  for (const round of [1, 2]) {
    await until("a connection", () => link.session !== undefined && link.traffic().connections === round);
    await link.publish("up", Buffer.alloc(10_000), { qos: 1 });
    const { sentBytes, receivedBytes, roundTripMs } = link.traffic();
    t.ok(sentBytes > round * 10_000 && sentBytes < round * 10_000 + 300, `${sentBytes} bytes with all around them`);
    t.ok(receivedBytes > 0 && (roundTripMs ?? 0) > 0);
    broker.dropConnections();
    await until("the connection is lost", () => link.session === undefined);
  }
  await link[Symbol.asyncDispose]();
});
