import t from "tap";
import { createHmac } from "node:crypto";
import { once } from "node:events";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { systemClock } from "../../../common/clock.ts";
import { openLog } from "../../../common/log.ts";
import { openAlertBook } from "../../../controller/alerts/alert-book.ts";
import { runReceiver, SIGNATURE_HEADER, signatureOf, type DeliveryPorts } from "../../../controller/alerts/deliver.ts";
import type { ReceiverConfig } from "../../../controller/alerts/receiver-config.ts";
import { openStore } from "../../../controller/store/store.ts";
import { alertFiring } from "../../support/alerts.ts";
import { FLEET } from "../../support/device-views.ts";
import { until } from "../../support/until.ts";

interface Heard {
  readonly body: string;
  readonly signature: string | undefined;
}

async function listen(answer: (response: ServerResponse, heard: readonly Heard[]) => void) {
  const heard: Heard[] = [];
  const server = createServer((request: IncomingMessage, response: ServerResponse) => {
    void (async () => {
      const chunks: Buffer[] = [];
      for await (const chunk of request) chunks.push(chunk as Buffer);
      heard.push({ body: Buffer.concat(chunks).toString(), signature: request.headers[SIGNATURE_HEADER]?.toString() });
      answer(response, heard);
    })();
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}/hook`,
    heard,
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections();
      server.close();
      await once(server, "close");
    },
  };
}

/** Waits are short, and the rest is as in the program. */
const hurried = { ...systemClock, sleep: (_ms: number, signal?: AbortSignal) => systemClock.sleep(5, signal) };

async function deliver(
  path: string,
  receivers: readonly ReceiverConfig[],
  body: (ports: DeliveryPorts, states: (string | undefined)[]) => Promise<void>,
): Promise<void> {
  await using opened = await openStore(path);
  const states: (string | undefined)[] = [];
  const ports: DeliveryPorts = {
    book: await openAlertBook(opened.store),
    fleet: FLEET,
    externalUrl: "http://127.0.0.1:8470",
    clock: hurried,
    log: openLog("controller", "silent"),
    onState: async (_receiver, problem) => void states.push(await Promise.resolve(problem)),
    random: () => 0,
  };
  const stopping = new AbortController();
  const running = receivers.map((receiver) => runReceiver(ports, receiver, stopping.signal));
  try {
    await body(ports, states);
  } finally {
    stopping.abort();
    await Promise.all(running);
  }
}

t.test("an alert is told once, signed; and not again after a start", async (t) => {
  const secret = "0123456789abcdef0123456789abcdef";
  process.env["FERRY_TEST_HOOK_SECRET"] = secret;
  t.teardown(() => delete process.env["FERRY_TEST_HOOK_SECRET"]);
  await using hook = await listen((response) => response.end());
  const receiver: ReceiverConfig = {
    name: "hook",
    kind: "webhook",
    url: hook.url,
    secretEnv: "FERRY_TEST_HOOK_SECRET",
  };
  const path = `${t.testdir()}/controller.db`;
  await deliver(path, [receiver], async ({ book }) => {
    await book.replace([alertFiring("cam-1")]);
    await until("it is told", () => book.told("hook").size === 1);
  });
  await deliver(path, [receiver], async ({ book }) => {
    t.equal(book.alerts().size, 1, "it is remembered");
    await book.replace([alertFiring("cam-1"), alertFiring("cam-2")]);
    await until("the other one is told", () => book.told("hook").size === 2);
  });
  t.equal(hook.heard.length, 2);
  t.match(
    hook.heard.map(({ body }) => body),
    [/cam-1/, /cam-2/],
  );
  t.notMatch(hook.heard[1]?.body, "cam-1");
  const [, seconds = "", hex] = /^t=(\d+),v1=([0-9a-f]{64})$/.exec(hook.heard[0]?.signature ?? "") ?? [];
  const own = createHmac("sha256", secret)
    .update(`${seconds}.${hook.heard[0]?.body ?? ""}`)
    .digest("hex");
  t.equal(hex, own, "whoever has the secret can tell that it came from here");
  t.equal(signatureOf("key", 1, "body"), `t=1,v1=${createHmac("sha256", "key").update("1.body").digest("hex")}`);
});

t.test("a receiver that fails is tried again, and that it fails is said once", async (t) => {
  await using hook = await listen((response, heard) => {
    response.statusCode = heard.length <= 2 ? 503 : 200;
    response.end();
  });
  await deliver(
    `${t.testdir()}/controller.db`,
    [{ name: "hook", kind: "webhook", url: hook.url }],
    async (ports, states) => {
      await ports.book.replace([alertFiring("cam-1")]);
      await until("it is told", () => ports.book.told("hook").size === 1);
      await until("that it works again is said", () => states.length === 2);
      t.match(states, [/503/, undefined]);
    },
  );
  t.equal(hook.heard.length, 3);
});

t.test("a receiver that hangs delays no other", async (t) => {
  await using hanging = await listen(() => undefined);
  await using hook = await listen((response) => response.end());
  const receivers: ReceiverConfig[] = [
    { name: "hangs", kind: "webhook", url: hanging.url },
    { name: "hook", kind: "webhook", url: hook.url },
  ];
  await deliver(`${t.testdir()}/controller.db`, receivers, async ({ book }) => {
    await book.replace([alertFiring("cam-1")]);
    await until("the other one is told", () => book.told("hook").size === 1);
    await until("the hanging one was asked", () => hanging.heard.length === 1);
    t.equal(book.told("hangs").size, 0);
  });
});
