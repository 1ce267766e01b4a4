/** What HTTP allows a client to do, and few do: each gets what the plain form gets. */
import t from "tap";
import { readDigits } from "../../support/digits.ts";
import { digitsFolder } from "../../support/model-folders.ts";
import { sendRaw } from "../../support/raw-http.ts";
import { openServingAgent } from "../../support/serving-agent.ts";

const agent = await openServingAgent();
t.teardown(() => agent[Symbol.asyncDispose]());
await agent.serve(digitsFolder("1.1.0"));
const { url } = agent;
const [digit] = readDigits();
const body = JSON.stringify({
  inputs: [{ name: "pixels", datatype: "FP32", shape: [1, 64], data: digit?.pixels }],
});
const INFER = "/v2/models/digits/infer";
const last = "Connection: close\r\n\r\n";
const length = `Content-Length: ${String(body.length)}\r\n`;

t.test("a client that asks whether it may send its body is told so, or at once why not", async (t) => {
  const expecting = (path: string) => `POST ${path} HTTP/1.1\r\nHost: a\r\n${length}Expect: 100-continue\r\n${last}`;
  const [leave, answer] = await sendRaw(url, expecting(INFER), body);
  t.match([leave?.status, answer?.status], [100, 200]);
  const refused = await sendRaw(url, expecting("/v2/models/cats/infer"));
  t.match(refused, [{ status: 404 }], "without its body being asked for");
  t.equal(refused.length, 1);
});

t.test(
  "requests one after the other on a connection, and before the answers come, are answered in their order",
  async (t) => {
    const request = (id: string, more: string) => {
      const text = JSON.stringify({ id, ...(JSON.parse(body) as object) });
      return `POST ${INFER} HTTP/1.1\r\nHost: a\r\nContent-Length: ${String(text.length)}\r\n${more}\r\n${text}`;
    };
    const answers = await sendRaw(url, request("1", "") + request("2", "") + request("3", "Connection: close\r\n"));
    t.same(
      answers.map((answer) => (JSON.parse(answer.body.toString()) as { id: string }).id),
      ["1", "2", "3"],
    );
  },
);

t.test("a body may come in chunks, as small as they like", async (t) => {
  const chunks = [...body.matchAll(/.{1,50}/gs)].map(([chunk]) => `${chunk.length.toString(16)}\r\n${chunk}\r\n`);
  const head = `POST ${INFER} HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n${last}`;
  t.match(await sendRaw(url, head, ...chunks, "0\r\n\r\n"), [{ status: 200 }]);
});

t.test(
  "bodies and answers of many pieces are whole, several at once, one after the other on their connections",
  async (t) => {
    const digits = readDigits().slice(0, 20);
    const rows = 1_000;
    const pixels = Float32Array.from({ length: rows * 64 }, (_, at) => {
      const row = Math.floor(at / 64);
      return digits[row % digits.length]?.pixels[at % 64] ?? 0;
    });
    const parameters = { binary_data_size: pixels.byteLength };
    const inputs = [{ name: "pixels", datatype: "FP32", shape: [rows, 64], parameters }];
    const head = Buffer.from(JSON.stringify({ inputs, parameters: { binary_data_output: true } }));
    const sent = Buffer.concat([head, Buffer.from(pixels.buffer)]);
    const headers = { "inference-header-content-length": String(head.byteLength) };
    const ask = async () => {
      const answer = await fetch(`${url}${INFER}`, { method: "POST", headers, body: sent });
      const bytes = Buffer.from(await answer.arrayBuffer());
      return bytes.subarray(Number(answer.headers.get("inference-header-content-length")));
    };
    const [first, ...others] = (
      await Promise.all(Array.from({ length: 4 }, async () => [await ask(), await ask()]))
    ).flat();
    t.equal(first?.byteLength, rows * 10 * 4);
    for (const other of others) t.ok(first !== undefined && other.equals(first));
    const row = digits.length * 40;
    t.same(first?.subarray(row, 2 * row), first?.subarray(0, row), "the same digits have the same scores");
  },
);

const targets: readonly [what: string, line: string, status: number][] = [
  ["a slash at the end", "GET /v2/models/digits/", 200],
  ["a query", "GET /v2/health/live?verbose=1", 200],
  ["an escaped letter", "GET /v2/models/d%69gits", 200],
  ["the whole address, as proxies send it", "GET http://device:8080/v2", 200],
  ["HEAD", "HEAD /v2/models/digits", 200],
  ["HEAD of nothing", "HEAD /nothing", 404],
  ["another method", "DELETE /v2/models/digits", 405],
];
for (const [what, line, status] of targets) {
  t.test(`${what} is understood`, async (t) => {
    const [answer] = await sendRaw(url, `${line} HTTP/1.1\r\nHost: a\r\n${last}`);
    t.match(answer, { status, headers: { "content-type": "application/json" } });
    if (line.startsWith("HEAD")) t.equal(answer?.body.length, 0);
  });
}
