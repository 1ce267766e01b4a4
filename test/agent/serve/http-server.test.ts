import { once } from "node:events";
import { request as httpRequest, type IncomingMessage } from "node:http";
import { connect } from "node:net";
import { text as textOf } from "node:stream/consumers";
import { deflateSync, gzipSync } from "node:zlib";
import t from "tap";
import { jsonAnswer } from "../../../agent/serve/http-answer.ts";
import { openHttpServer } from "../../../agent/serve/http-server.ts";
import { BODY_BYTES_MAX } from "../../../agent/serve/read-body.ts";
import { openLog } from "../../../common/log.ts";
import { askOverBinary, askOverJson, readDigits, topLabel } from "../../support/digits.ts";
import { digitsFolder, sileroInputs, writeSilero } from "../../support/model-folders.ts";
import { openServingAgent } from "../../support/serving-agent.ts";
import { runnersOf } from "../../support/processes.ts";
import { until } from "../../support/until.ts";

const agent = await openServingAgent({ extraRoutes: new Map([["GET /status", () => jsonAnswer({ fleet: "test" })]]) });
t.teardown(() => agent[Symbol.asyncDispose]());
const { url } = agent;

async function call(method: string, path: string, body?: string | Uint8Array, headers: Record<string, string> = {}) {
  const response = await fetch(url + path, {
    method,
    headers,
    ...(body === undefined ? {} : { body: Buffer.from(body) }),
  });
  const text = await response.text();
  const isJson = text !== "" && response.headers.get("content-type") === "application/json";
  return {
    status: response.status,
    headers: response.headers,
    text,
    json: isJson ? (JSON.parse(text) as unknown) : undefined,
  };
}

const digits = readDigits().slice(0, 20);
const pixels = digits[0]?.pixels ?? [];
const infer = "/v2/models/digits/infer";
const good = { inputs: [{ name: "pixels", datatype: "FP32", shape: [1, 64], data: pixels }] };

t.test("before there is a model, the agent says so", async (t) => {
  t.match(await call("GET", "/v2/health/live"), { status: 200, json: { live: true } });
  t.match(await call("GET", "/v2/models/digits"), {
    status: 404,
    json: { error: "Request for unknown model: 'digits' is not found (no model is served here yet)" },
  });
  t.match(await call("POST", "/predict", "[]"), { status: 503, json: { error: /No model is served here yet/ } });
  t.match(await call("GET", "/", undefined, { accept: "text/html" }), {
    status: 200,
    text: /No model is served here yet/,
  });
});

t.test("with models in it, the agent", async (t) => {
  // Of this whole test: a runner that restarts reads its model again.
  const folder = t.testdir();
  await agent.serve(digitsFolder("1.1.0"));

  t.test("answers the handwritten digits over JSON and over binary alike", async (t) => {
    let right = 0;
    for (const digit of digits) {
      const overJson = await askOverJson(url, digit);
      if (topLabel(overJson) === digit.label) right += 1;
      t.same(await askOverBinary(url, digit), overJson);
    }
    t.ok(right > digits.length * 0.9, `${right} of ${digits.length} are right`);
  });

  t.test("says what it is and what it serves", async (t) => {
    const metadata = {
      name: "digits",
      versions: ["1.1.0"],
      platform: "onnxruntime_onnx",
      inputs: [{ name: "pixels", datatype: "FP32", shape: [-1, 64] }],
      outputs: [{ name: "probabilities", datatype: "FP32", shape: [-1, 10] }],
    };
    t.match(await call("GET", "/v2"), {
      status: 200,
      json: { name: "modelferry", extensions: ["binary_tensor_data"] },
    });
    t.same((await call("GET", "/v2/models/digits")).json, metadata);
    t.same((await call("GET", "/v2/models/digits/versions/1.1.0")).json, metadata);
    t.match(await call("GET", "/v2/health/ready"), { status: 200, json: { ready: true } });
    t.match(await call("GET", "/v2/models/digits/ready"), { status: 200, json: { name: "digits", ready: true } });
    t.match(await call("GET", "/healthz"), { status: 200, json: { ok: true, models: 1 } });
    t.match(await call("GET", "/status"), { status: 200, json: { fleet: "test" } });
    t.match(await call("GET", "/"), {
      json: { models: [{ slot: "digits", version: "1.1.0", evidence: { goldenPassed: 20 } }] },
    });
    t.match(await call("GET", "/", undefined, { accept: "text/html,*/*" }), {
      text: /20 of 20 golden cases passed on this device/,
    });
    t.match(await call("HEAD", "/v2"), { status: 200, text: "" });
  });

  t.test("answers requests in every form that the protocol allows", async (t) => {
    const version = { json: { model_name: "digits", model_version: "1.1.0" } };
    t.match(await call("POST", infer, JSON.stringify({ ...good, id: "q1" })), { status: 200, json: { id: "q1" } });
    t.match(await call("POST", "/v2/models/digits/versions/1.1.0/infer", JSON.stringify(good)), version);
    const nested = { inputs: [{ ...good.inputs[0], shape: [2, 64], data: [pixels, pixels] }] };
    t.match(await call("POST", infer, JSON.stringify(nested)), { json: { outputs: [{ shape: [2, 10] }] } });
    t.match(await call("POST", infer, JSON.stringify({ ...good, outputs: [{ name: "probabilities" }] })), version);
    t.match(await call("POST", infer, gzipSync(JSON.stringify(good)), { "content-encoding": "gzip" }), version);
    t.match(await call("POST", infer, deflateSync(JSON.stringify(good)), { "content-encoding": "deflate" }), version);
  });

  t.test("needs no Content-Type, as Triton's Python client sends none", async (t) => {
    const asking = httpRequest(url + infer, { method: "POST" });
    asking.end(JSON.stringify(good));
    const [response] = (await once(asking, "response")) as [IncomingMessage];
    t.match(await textOf(response), /"model_version":"1.1.0"/);
  });

  const json = JSON.stringify;
  const binary = (header: unknown, tensor: Uint8Array) => Buffer.concat([Buffer.from(json(header)), tensor]);
  const inBinary = (size: number) => ({
    inputs: [{ name: "pixels", datatype: "FP32", shape: [1, 64], parameters: { binary_data_size: size } }],
  });
  const lengthOf = (header: unknown) => ({
    "inference-header-content-length": String(Buffer.byteLength(json(header))),
  });
  const bad: {
    when: string;
    path?: string;
    method?: string;
    body?: string | Uint8Array;
    headers?: Record<string, string>;
    status: number;
    says: RegExp;
  }[] = [
    {
      when: "the model is unknown",
      path: "/v2/models/cats/infer",
      body: json(good),
      status: 404,
      says: /^Request for unknown model: 'cats' is not found \(served here: digits\)$/,
    },
    {
      when: "the version is unknown",
      path: "/v2/models/digits/versions/7/infer",
      body: json(good),
      status: 404,
      says: /version 7 is not found; version 1.1.0 is there/,
    },
    { when: "the path is unknown", path: "/v3", body: "", status: 404, says: /There is nothing at \/v3/ },
    {
      when: "the path has a broken escape",
      path: "/v2/models/%zz/infer",
      body: "",
      status: 400,
      says: /broken escape: %zz/,
    },
    { when: "the method is wrong", method: "GET", status: 405, says: /takes POST, not GET/ },
    { when: "the body is empty", body: "", status: 400, says: /inference request: is not JSON/ },
    { when: "the body is not JSON", body: "{", status: 400, says: /is not JSON/ },
    { when: "the body is not UTF-8", body: Uint8Array.of(0x22, 0xff, 0x22), status: 400, says: /is not JSON/ },
    { when: "inputs are missing", body: "{}", status: 400, says: /inputs/ },
    {
      when: "the datatype does not exist",
      body: json({ inputs: [{ ...good.inputs[0], datatype: "FLOAT" }] }),
      status: 400,
      says: /^Input "pixels" is FLOAT, which does not exist; the datatypes are BOOL, /,
    },
    {
      when: "the shape is wrong",
      body: json({ inputs: [{ ...good.inputs[0], shape: [1, 63], data: pixels.slice(1) }] }),
      status: 400,
      says: /digits 1.1.0: input "pixels" has shape \[1, 63\], expected \[-1, 64\]/,
    },
    {
      when: "values are missing",
      body: json({ inputs: [{ ...good.inputs[0], data: [1] }] }),
      status: 400,
      says: /tensor "pixels": data has 1 values, expected 64/,
    },
    {
      when: "a value is text",
      body: json({ inputs: [{ ...good.inputs[0], data: [...pixels.slice(1), "1"] }] }),
      status: 400,
      says: /element 63 is "1", expected a number/,
    },
    {
      when: "an output is unknown",
      body: json({ ...good, outputs: [{ name: "y" }] }),
      status: 400,
      says: /no output "y"; its outputs are "probabilities"/,
    },
    {
      when: "there is neither data nor binary",
      body: json({ inputs: [{ name: "pixels", datatype: "FP32", shape: [1, 64] }] }),
      status: 400,
      says: /Input "pixels" has neither data nor binary_data_size/,
    },
    {
      when: "there is both",
      body: json({ inputs: [{ ...good.inputs[0], parameters: { binary_data_size: 4 } }] }),
      status: 400,
      says: /has both data and binary_data_size/,
    },
    {
      when: "the header length lies",
      body: json(good),
      headers: { "inference-header-content-length": "99999" },
      status: 400,
      says: /is 99999, but the body has \d+ bytes/,
    },
    {
      when: "the header length is no number",
      body: json(good),
      headers: { "inference-header-content-length": "-1" },
      status: 400,
      says: /is -1, but the body has/,
    },
    {
      when: "the binary is cut short",
      body: binary(inBinary(256), Buffer.alloc(100)),
      headers: lengthOf(inBinary(256)),
      status: 400,
      says: /binary data of input "pixels" is cut short: 100 of 256 bytes came/,
    },
    {
      when: "the binary is too long",
      body: binary(inBinary(256), Buffer.alloc(260)),
      headers: lengthOf(inBinary(256)),
      status: 400,
      says: /4 bytes follow the last input/,
    },
    {
      when: "the binary does not fill the shape",
      body: binary(inBinary(8), Buffer.alloc(8)),
      headers: lengthOf(inBinary(8)),
      status: 400,
      says: /tensor "pixels": has 8 bytes, expected 256/,
    },
    {
      when: "the body is not gzip",
      body: json(good),
      headers: { "content-encoding": "gzip" },
      status: 400,
      says: /The body is not gzip, as its Content-Encoding says/,
    },
    {
      when: "the gzip is cut short",
      body: gzipSync(json(good)).subarray(0, 30),
      headers: { "content-encoding": "gzip" },
      status: 400,
      says: /The body is not gzip/,
    },
    {
      when: "the gzip is a bomb",
      body: gzipSync(Buffer.alloc(BODY_BYTES_MAX + 1)),
      headers: { "content-encoding": "gzip" },
      status: 413,
      says: /The body has more; at most 67108864 bytes are taken/,
    },
    {
      when: "the encoding is unknown",
      body: json(good),
      headers: { "content-encoding": "br" },
      status: 415,
      says: /Content-Encoding br is not known here/,
    },
    { when: "a prediction is no array", path: "/predict", body: '{"x": 1}', status: 400, says: /inputs/ },
    {
      when: "a prediction names no input of the model",
      path: "/predict",
      body: '{"inputs": {"x": 1}}',
      status: 400,
      says: /There is no input "x"; the model's inputs are "pixels"/,
    },
    {
      when: "a prediction has the wrong shape",
      path: "/predict/digits",
      body: "[1, 2]",
      status: 400,
      says: /has shape \[1, 2\], expected \[-1, 64\]/,
    },
  ];
  for (const { when, path = infer, method = "POST", body, headers, status, says } of bad) {
    t.test(`answers ${status} when ${when}`, async (t) => {
      const answer = await call(method, path, body, headers);
      t.equal(answer.status, status);
      t.match((answer.json as { error: string }).error, says);
    });
  }

  t.test("refuses a body that is too large before it is read", async (t) => {
    const asking = httpRequest(url + infer, { method: "POST", headers: { "content-length": BODY_BYTES_MAX + 1 } });
    asking.on("error", () => undefined);
    asking.flushHeaders();
    const [response] = (await once(asking, "response")) as [IncomingMessage];
    t.equal(response.statusCode, 413);
    t.match(await textOf(response), /at most 67108864 bytes are taken/);
  });

  t.test("goes on after a client that hangs up in the middle of a body", async (t) => {
    const socket = connect(Number(new URL(url).port), "127.0.0.1");
    socket.write(`POST ${infer} HTTP/1.1\r\nHost: a\r\nContent-Length: 1000\r\n\r\n{"inp`);
    await once(socket, "connect");
    socket.destroy();
    t.match(await call("POST", infer, json(good)), { status: 200 });
  });

  t.test("predicts from plain arrays, and names the labels", async (t) => {
    const expected = { model: "digits", version: "1.1.0", top: [{ label: digits[0]?.label }] };
    const bare = await call("POST", "/predict", json(pixels));
    t.match(bare, { status: 200, json: expected });
    t.same((bare.json as { top: unknown[] }).top.length, 5);
    t.match(await call("POST", "/predict/digits", json([pixels])), { json: expected });
    t.match(await call("POST", "/predict", json({ inputs: { pixels } })), { json: expected });
    t.match(await call("POST", "/predict", json([pixels, pixels])), { json: { top: [] } });
  });

  t.test("serves several models, with 64-bit scalars and state", async (t) => {
    await agent.serve(await writeSilero(folder, 5));
    t.match(await call("POST", "/predict", json(pixels)), {
      status: 400,
      json: { error: /Several models are served here \(digits, silero\): say which, as in POST \/predict\/digits/ },
    });
    const sound = new Array<number>(512).fill(0);
    const state = [0, 1].map(() => [new Array<number>(128).fill(0)]);
    const inputs = { input: [sound], state, sr: 16_000 };
    t.match(await call("POST", "/predict/silero", json({ inputs })), {
      status: 200,
      json: { version: "5.0.0", top: [] },
    });
    t.match(await call("POST", "/predict/silero", json([sound])), {
      status: 400,
      json: { error: /has the inputs "input", "state", "sr"/ },
    });
    const overOip = sileroInputs().map(({ name, datatype, shape, bytes }) => ({
      name,
      datatype,
      shape,
      parameters: { binary_data_size: bytes.byteLength },
    }));
    const header = {
      inputs: overOip,
      outputs: [{ name: "stateN", parameters: { binary_data: true } }, { name: "output" }],
    };
    const tensors = Buffer.concat(sileroInputs().map(({ bytes }) => bytes));
    const answer = await fetch(`${url}/v2/models/silero/infer`, {
      method: "POST",
      body: binary(header, tensors),
      headers: lengthOf(header),
    });
    const bytes = Buffer.from(await answer.arrayBuffer());
    const headerBytes = Number(answer.headers.get("inference-header-content-length"));
    t.match(JSON.parse(bytes.subarray(0, headerBytes).toString()), {
      outputs: [
        { name: "stateN", parameters: { binary_data_size: 1_024 } },
        { name: "output", shape: [1, 1], data: [Number] },
      ],
    });
    t.equal(bytes.byteLength - headerBytes, 1_024);
  });

  t.test("gives Prometheus its figures in base units", async (t) => {
    const { text, headers } = await call("GET", "/metrics");
    t.match(headers.get("content-type"), /text\/plain; version=0.0.4/);
    for (const line of [
      /^ferry_agent_requests_total\{slot="digits",version="1.1.0",outcome="answered"\} \d+$/m,
      /^ferry_agent_requests_total\{slot="digits",version="1.1.0",outcome="bad-request"\} \d+$/m,
      /^ferry_agent_inference_seconds_count\{slot="silero",version="5.0.0"\} 2$/m,
      /^ferry_agent_queue_seconds_sum\{slot="digits",version="1.1.0"\} 0\.\d+$/m,
      /^ferry_agent_requests_waiting\{slot="digits",version="1.1.0"\} 0$/m,
      /^ferry_agent_runner_resident_bytes\{slot="digits",version="1.1.0"\} \d{8,}$/m,
      /^ferry_agent_model_info\{slot="digits",version="1.1.0",statement="[0-9a-f]{64}",provider="cpu",role="active"\} 1$/m,
      /^process_resident_memory_bytes \d{8,}$/m,
    ]) {
      t.match(text, line);
    }
    t.notMatch(text, /cats/, "a name that anyone can invent is no label");
  });

  t.test("answers 503 for what restarts, and waits for it", async (t) => {
    for (const pid of runnersOf(process.pid)) process.kill(pid, "SIGKILL");
    await until("the crash is seen", async () => (await call("GET", "/healthz")).status === 503);
    t.match(await call("POST", infer, json(good)), { status: 200 });
    await until("all is well again", async () => (await call("GET", "/v2/health/ready")).status === 200);
    t.match(
      (await call("GET", "/metrics")).text,
      /ferry_agent_runner_crashes_total\{slot="digits",version="1.1.0"\} 1/,
    );
  });
});

t.test("a port that is taken is said in words", async (t) => {
  const port = Number(new URL(url).port);
  const opening = openHttpServer({ engine: agent.engine, port, log: openLog("test", "silent") });
  await t.rejects(opening, {
    code: "port-taken",
    message: /is already taken by another program/,
    hint: /choose another port/,
  });
  const nowhere = openHttpServer({ engine: agent.engine, host: "192.0.2.1", port: 0, log: openLog("test", "silent") });
  await t.rejects(nowhere, { code: "address-unavailable" });
});

t.test("closing answers what is in flight and closes idle connections", async (t) => {
  const closing = await openServingAgent();
  await closing.serve(digitsFolder("1.0.0"));
  await askOverJson(closing.url, digits[0] ?? { name: "", label: "", pixels: [] });
  const answers = digits.map((digit) => askOverJson(closing.url, digit));
  await until("they are on their way", () => (closing.engine.gauges()[0]?.waiting ?? 0) > 0);
  const startedMs = performance.now();
  const [settled] = await Promise.all([Promise.allSettled(answers), closing[Symbol.asyncDispose]()]);
  t.ok(performance.now() - startedMs < 4_000);
  const answered = settled.filter(({ status }) => status === "fulfilled").length;
  t.ok(answered > 0, `${answered} of ${settled.length} had been begun and were answered`);
  await t.rejects(fetch(closing.url));
});
