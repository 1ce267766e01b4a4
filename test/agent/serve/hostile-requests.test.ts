/** What no honest client sends: each is refused in words, within bounds of time and memory, and the next request is served. */
import { once } from "node:events";
import { deflateSync, gzipSync } from "node:zlib";
import t from "tap";
import { openHttpServer } from "../../../agent/serve/http-server.ts";
import { BODY_BYTES_MAX } from "../../../agent/serve/read-body.ts";
import { openLog } from "../../../common/log.ts";
import { askOverJson, readDigits } from "../../support/digits.ts";
import { digitsFolder } from "../../support/model-folders.ts";
import { answersOn, openSocket, sendRaw, type RawAnswer } from "../../support/raw-http.ts";
import { openServingAgent } from "../../support/serving-agent.ts";
import { until } from "../../support/until.ts";

const CONNECTIONS_MAX = 64;
/** Short, so that a slow client is done with in the time of a test; what happens is the same as with the real ones. */
const limits = { headersMs: 500, timeoutCheckMs: 100, bodyMs: 500, connectionsMax: CONNECTIONS_MAX, lingerMs: 300 };

const agent = await openServingAgent({ limits: { lingerMs: 300 } });
t.teardown(() => agent[Symbol.asyncDispose]());
await agent.serve(digitsFolder("1.1.0"));
const { url } = agent;
const hurried = await openHttpServer({ engine: agent.engine, port: 0, limits, log: openLog("test", "silent") });
t.teardown(() => hurried[Symbol.asyncDispose]());
const digit = firstDigit();

const GOOD = JSON.stringify({ inputs: [{ name: "pixels", datatype: "FP32", shape: [1, 64], data: digit.pixels }] });
const INFER = "/v2/models/digits/infer";

/** The head of a POST, its body's length included unless a header says otherwise. */
function head(path: string, headers: Readonly<Record<string, string | number>>): string {
  const fields = Object.entries({ Host: "device", Connection: "close", ...headers });
  return `POST ${path} HTTP/1.1\r\n${fields.map(([name, value]) => `${name}: ${value}\r\n`).join("")}\r\n`;
}

function post(path: string, body: string | Uint8Array, headers: Readonly<Record<string, string | number>> = {}) {
  return [head(path, { "Content-Length": Buffer.byteLength(body), ...headers }), body];
}

/** 20,000 arrays in each other. */
const DEEP = "[".repeat(20_000) + "]".repeat(20_000);
const binaryHead = (size: number, shape: readonly number[] = [1, 64]) =>
  JSON.stringify({ inputs: [{ name: "pixels", datatype: "FP32", shape, parameters: { binary_data_size: size } }] });
const input = (changes: object) =>
  JSON.stringify({ inputs: [{ name: "pixels", datatype: "FP32", shape: [1, 64], data: digit.pixels, ...changes }] });

interface HostileCase {
  readonly when: string;
  readonly send: readonly (string | Uint8Array)[];
  readonly status: number;
  readonly says: RegExp;
  /** Goes to the server that is in a hurry. */
  readonly isSlow?: true;
}

const cases: readonly HostileCase[] = [
  // No HTTP, or HTTP that two programs would read differently.
  { when: "it is no HTTP", send: ["\x16\x03\x01\x02\x00\x01"], status: 400, says: /no HTTP request/ },
  {
    when: "a body has two lengths",
    send: [head(INFER, { "Content-Length": 4, "Transfer-Encoding": "chunked" }), "0\r\n\r\n"],
    status: 400,
    says: /no HTTP request/,
  },
  { when: "the length is no number", send: [head(INFER, { "Content-Length": "x" })], status: 400, says: /no HTTP/ },
  {
    when: "a chunk says no length",
    send: [head(INFER, { "Transfer-Encoding": "chunked" }), "zz\r\n{}\r\n"],
    status: 400,
    says: /no HTTP request/,
  },
  {
    when: "a chunk breaks in another dialect",
    send: [head("/invocations", { "Transfer-Encoding": "chunked" }), "zz\r\n{}\r\n"],
    status: 400,
    says: /no HTTP request/,
  },
  {
    when: "a header is larger than all may be",
    send: [head(INFER, { "X-Flood": "a".repeat(100_000) })],
    status: 431,
    says: /larger than the 16 KiB/,
  },
  {
    when: "headers go on and on",
    send: [`GET /v2 HTTP/1.1\r\n${"X-Flood: 1\r\n".repeat(50_000)}\r\n`],
    status: 431,
    says: /larger than the 16 KiB/,
  },
  { when: "the path is endless", send: [`GET /${"a".repeat(60_000)} HTTP/1.1\r\n\r\n`], status: 431, says: /16 KiB/ },
  {
    when: "something unknown is expected",
    send: [head(INFER, { Expect: "a-miracle", "Content-Length": 2 })],
    status: 417,
    says: /Expect: a-miracle is not known here/,
  },
  // Slower than anything honest.
  {
    when: "headers do not end",
    send: ["POST /predict HTTP/1.1\r\nHost: a\r\n"],
    status: 408,
    isSlow: true,
    says: /did not come/,
  },
  { when: "nothing comes at all", send: [], status: 408, isSlow: true, says: /did not come in time/ },
  {
    when: "a body does not end",
    send: [head(INFER, { "Content-Length": 100 }), "{"],
    status: 408,
    isSlow: true,
    says: /body did not come within 0.5 s/,
  },
  {
    when: "a compressed body does not end",
    send: [head(INFER, { "Content-Length": 100, "Content-Encoding": "gzip" }), gzipSync(GOOD).subarray(0, 20)],
    status: 408,
    isSlow: true,
    says: /body did not come within/,
  },
  // Larger than anything honest.
  {
    when: "a body says that it is too large",
    send: [head(INFER, { "Content-Length": BODY_BYTES_MAX + 1 })],
    status: 413,
    says: /at most 67108864 bytes/,
  },
  {
    when: "a body is too large without saying so",
    send: [
      head(INFER, { "Transfer-Encoding": "chunked" }),
      ...Array.from({ length: 65 }, () => Buffer.from(`100000\r\n${" ".repeat(1_048_576)}\r\n`)),
    ],
    status: 413,
    says: /The body has more/,
  },
  {
    when: "a gzip is a bomb",
    send: post(INFER, gzipSync(Buffer.alloc(BODY_BYTES_MAX + 1)), { "Content-Encoding": "gzip" }),
    status: 413,
    says: /The body has more/,
  },
  {
    when: "a deflate is a bomb",
    send: post(INFER, deflateSync(Buffer.alloc(BODY_BYTES_MAX + 1)), { "Content-Encoding": "deflate" }),
    status: 413,
    says: /The body has more/,
  },
  {
    when: "an encoding is unknown",
    send: post(INFER, GOOD, { "Content-Encoding": "zstd" }),
    status: 415,
    says: /zstd is not known here/,
  },
  // Not what it says it is.
  {
    when: "a deflate is none",
    send: post(INFER, GOOD, { "Content-Encoding": "deflate" }),
    status: 400,
    says: /not deflate, as its Content-Encoding says/,
  },
  {
    when: "a gzip ends in the middle",
    send: post(INFER, gzipSync(GOOD).subarray(0, 40), { "Content-Encoding": "gzip" }),
    status: 400,
    says: /not gzip/,
  },
  { when: "JSON is endlessly deep", send: post("/predict", DEEP), status: 400, says: /more than 16 arrays deep/ },
  {
    when: "JSON data is endlessly deep",
    send: post(INFER, input({}).replace(/"data":\[.*?\]/, `"data":${DEEP}`)),
    status: 400,
    says: /pixels/,
  },
  {
    when: "a number is NaN",
    send: post(INFER, GOOD.replace(/"data":\[/, '"data":[NaN,')),
    status: 400,
    says: /not JSON/,
  },
  {
    when: "a number is too large for its datatype",
    send: post(INFER, input({ data: [1e300, ...digit.pixels.slice(1)] })),
    status: 400,
    says: /element 0 is 1e\+300, expected a number within its range/,
  },
  {
    when: "a shape would fill the memory",
    send: post(INFER, input({ shape: [2 ** 31, 2 ** 31] })),
    status: 400,
    says: /data has 64 values/,
  },
  {
    when: "a shape has a thousand dimensions",
    send: post(INFER, input({ shape: Array.from({ length: 1_000 }, () => 1) })),
    status: 400,
    says: /shape/,
  },
  {
    when: "a name is endless",
    send: post("/predict", JSON.stringify({ inputs: { ["x".repeat(1_000_000)]: 1 } })),
    status: 400,
    says: /^There is no input "x{1000,2000}…$/,
  },
  {
    when: "a name is that of every object",
    send: post("/predict", '{"inputs": {"__proto__": [1]}}'),
    status: 400,
    says: /There is no input "__proto__"/,
  },
  {
    when: "the header length lies",
    send: post(INFER, GOOD, { "Inference-Header-Content-Length": 1_000_000 }),
    status: 400,
    says: /but the body has \d+ bytes/,
  },
  {
    when: "the header length ends in the JSON",
    send: post(INFER, GOOD, { "Inference-Header-Content-Length": 10 }),
    status: 400,
    says: /not JSON/,
  },
  {
    when: "the header length is negative",
    send: post(INFER, GOOD, { "Inference-Header-Content-Length": -5 }),
    status: 400,
    says: /is -5, but/,
  },
  {
    when: "binary is cut short",
    send: post(INFER, binaryHead(256) + "abc", { "Inference-Header-Content-Length": binaryHead(256).length }),
    status: 400,
    says: /cut short: 3 of 256 bytes came/,
  },
  {
    when: "binary is too long",
    send: post(INFER, `${binaryHead(4)}abcdefgh`, { "Inference-Header-Content-Length": binaryHead(4).length }),
    status: 400,
    says: /4 bytes follow the last input/,
  },
  {
    when: "binary claims more than any body",
    send: post(INFER, binaryHead(2 ** 40), { "Inference-Header-Content-Length": binaryHead(2 ** 40).length }),
    status: 400,
    says: /binary_data_size/,
  },
];

function firstDigit() {
  const [first] = readDigits();
  if (first === undefined) throw new Error("there are digits");
  return first;
}

async function isServed(): Promise<boolean> {
  return (await askOverJson(url, digit)).version === "1.1.0";
}

function errorOf({ body }: RawAnswer): string {
  const told = JSON.parse(body.toString()) as { error: string } | { message: string };
  return "error" in told ? told.error : told.message;
}

for (const { when, send, status, says, isSlow = false } of cases) {
  t.test(`${String(status)} when ${when}, and the next request is served`, async (t) => {
    const [answer, ...others] = await sendRaw(isSlow ? hurried.url : url, ...send);
    if (answer === undefined) throw new Error("the server closed the connection without a word");
    t.match(answer, { status, headers: { "content-type": "application/json", connection: "close" } });
    t.match(errorOf(answer), says);
    t.same(others, []);
    t.ok(await isServed());
  });
}

t.test("connections beyond the bound are closed, and those that idle make room", async (t) => {
  const idle = await Promise.all(
    Array.from({ length: CONNECTIONS_MAX }, async () => {
      const socket = await openSocket(hurried.url);
      socket.write("GET /v2/health/live HTTP/1.1\r\nHost: a\r\n\r\n");
      await once(socket, "data");
      return socket;
    }),
  );
  const closed = idle.map((socket) => once(socket, "close"));
  const beyond = await openSocket(hurried.url);
  await once(beyond, "close");
  await Promise.all(closed);
  t.match(await sendRaw(hurried.url, "GET /v2 HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"), [{ status: 200 }]);
});

t.test("many bodies at once are taken as far as the memory for them goes", async (t) => {
  const large = 40 * 1024 ** 2;
  const beginning = head(INFER, { "Content-Length": large });
  const sockets = await Promise.all([1, 2, 3, 4].map(() => openSocket(url)));
  const answers = sockets.map(async (socket) => {
    const answer = answersOn(socket);
    socket.write(beginning);
    socket.write(Buffer.alloc(large - 1, " "));
    return (await answer)[0];
  });
  const refused = await Promise.any(
    answers.map(async (answer) => {
      const { status } = (await answer) ?? { status: 0 };
      if (status !== 429) throw new Error(String(status));
      return await answer;
    }),
  );
  t.match(refused?.headers, { "retry-after": "1" });
  t.ok(await isServed(), "a small body is taken all the same");
  for (const socket of sockets) socket.end(" ");
  const statuses = (await Promise.all(answers)).map((answer) => answer?.status);
  t.ok(statuses.includes(400), `the others are read to their end: ${statuses.join(", ")}`);
  t.ok(await isServed());
});

t.test("clients that hang up in the middle are forgotten", async (t) => {
  const sockets = await Promise.all(Array.from({ length: 200 }, () => openSocket(url)));
  for (const [at, socket] of sockets.entries()) {
    socket.write(
      post(INFER, GOOD)
        .join("")
        .slice(0, 20 + at * 3),
    );
  }
  await until("what could be answered is", async () => isServed());
  for (const socket of sockets) socket.destroy();
  t.ok(await isServed());
});

t.test("a client that sends a large body first and listens then learns why it was refused", async (t) => {
  await using patient = await openHttpServer({ engine: agent.engine, port: 0, log: openLog("test", "silent") });
  const body = Buffer.alloc(BODY_BYTES_MAX + 1);
  const [answer] = await sendRaw(patient.url, ...post(INFER, body));
  t.equal(answer?.status, 413);
});
