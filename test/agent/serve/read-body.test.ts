import { once } from "node:events";
import { createServer, request, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { buffer } from "node:stream/consumers";
import { setImmediate as nextTurn } from "node:timers/promises";
import { gzipSync } from "node:zlib";
import t from "tap";
import { BODY_BYTES_MAX, BodyReader } from "../../../agent/serve/read-body.ts";
import { until } from "../../support/until.ts";

const JSON_BYTES = 13;
const bodies = new BodyReader();
let underWay = 0;
async function echo(request: IncomingMessage, response: ServerResponse): Promise<void> {
  using body = bodies.of(request);
  underWay += 1;
  const bytes = await body.read().finally(() => (underWay -= 1));
  response.setHeader("at", (bytes.byteOffset + JSON_BYTES) % 8);
  response.end(Buffer.from(bytes));
}
const server = createServer((request, response) => {
  echo(request, response).catch(() => response.destroy());
});
server.listen(0, "127.0.0.1");
await once(server, "listening");
t.teardown(() => server.close());
const { port } = server.address() as AddressInfo;

/** In two pieces, so that no part of the body comes with the head. */
async function send(body: Buffer, headers: Record<string, string | number>) {
  const asking = request({
    port,
    method: "POST",
    headers: { "inference-header-content-length": JSON_BYTES, ...headers },
  });
  asking.write(body.subarray(0, body.byteLength >> 1));
  await nextTurn();
  asking.end(body.subarray(body.byteLength >> 1));
  const [answer] = (await once(asking, "response")) as [IncomingMessage];
  return { bytes: await buffer(answer), at: answer.headers["at"] };
}

const generated = (bytes: number) =>
  Buffer.from(Uint8Array.from({ length: bytes }, (_, at) => (at * 31 + (at >> 8)) % 251));

t.test("a body is the same bytes however it comes, and its tensors lie where typed arrays may", async (t) => {
  for (const bytes of [14, 65_536, 65_537, 200_003, 5_000_000]) {
    const body = generated(bytes);
    for (const [how, sent, headers] of [
      ["with its length", body, { "content-length": bytes }],
      ["without", body, {}],
      ["compressed", gzipSync(body), { "content-encoding": "gzip" }],
    ] as const) {
      const answer = await send(sent, headers);
      t.ok(answer.bytes.equals(body), `${bytes} bytes ${how}`);
      if (bytes > 65_537) t.equal(answer.at, "0", `${bytes} bytes ${how}: tensors begin at a multiple of 8`);
    }
  }
});

t.test("clients that say a length and send nothing take nothing from the others", async (t) => {
  const silent = [1, 2].map(() => request({ port, method: "POST", headers: { "content-length": BODY_BYTES_MAX } }));
  for (const asking of silent) {
    asking.on("error", () => undefined);
    asking.flushHeaders();
  }
  await until("both are being read", () => underWay === silent.length);
  const body = generated(200_003);
  const answer = await send(body, { "content-length": body.byteLength });
  t.ok(answer.bytes.equals(body));
  t.equal(answer.at, "0");
  for (const asking of silent) asking.destroy();
});
