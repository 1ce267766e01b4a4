/** Triton's Python client, unmodified: its requests as they were recorded (`test/fixtures/triton-client`), sent by Python. */
import { execFile } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { promisify } from "node:util";
import { gunzipSync, inflateSync } from "node:zlib";
import t from "tap";
import { askOverJson, readDigits } from "../../support/digits.ts";
import { digitsFolder, writeEcho } from "../../support/model-folders.ts";
import { openServingAgent } from "../../support/serving-agent.ts";

interface Replayed {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

interface Output {
  readonly name: string;
  readonly datatype: string;
  readonly shape: readonly number[];
  readonly data?: readonly unknown[];
  readonly parameters?: { readonly binary_data_size: number };
}

const fixtures = new URL("../../fixtures/triton-client/", import.meta.url).pathname;
const agent = await openServingAgent();
t.teardown(() => agent[Symbol.asyncDispose]());
await agent.serve(digitsFolder("1.1.0"));
await agent.serve(await writeEcho(t.testdir()));

const { hostname, port } = new URL(agent.url);
const { stdout } = await promisify(execFile)("python3", ["test/support/replay-http.py", hostname, port, fixtures], {
  maxBuffer: 16 * 1024 ** 2,
});
const answers = JSON.parse(stdout) as Readonly<Record<string, Replayed>>;
const [digit] = readDigits();
if (digit === undefined) throw new Error("there are digits");
const { probabilities } = await askOverJson(agent.url, digit);
const expected = Float32Array.from(probabilities);

/** The answer as the client decodes it: decompressed, its binary part cut as the outputs say. */
function decoded(name: string) {
  const answer = answers[name];
  if (answer === undefined) throw new Error(`there is no recording of ${name}`);
  const raw = Buffer.from(answer.body, "base64");
  const encoding = answer.headers["content-encoding"];
  const body = encoding === "gzip" ? gunzipSync(raw) : encoding === "deflate" ? inflateSync(raw) : raw;
  const jsonBytes = Number(answer.headers["inference-header-content-length"] ?? body.byteLength);
  const text = body.subarray(0, jsonBytes).toString();
  let at = jsonBytes;
  const json = text === "" ? undefined : (JSON.parse(text) as { readonly outputs?: readonly Output[] });
  const binary = (json?.outputs ?? []).map(({ parameters }) => {
    const begin = at;
    at += parameters?.binary_data_size ?? 0;
    return Uint8Array.from(body.subarray(begin, at));
  });
  return { ...answer, encoding, json, binary };
}

/** Float32 values of the only output, whichever way it came. */
function floatsOf({ json, binary: [bytes = new Uint8Array()] }: ReturnType<typeof decoded>): Float32Array {
  const data = json?.outputs?.[0]?.data;
  return data === undefined ? new Float32Array(bytes.buffer) : Float32Array.from(data as readonly number[]);
}

t.equal(Object.keys(answers).length, readdirSync(fixtures).length - 1, "every recording is sent");

const questions: readonly [name: string, status: number, json: object | undefined][] = [
  ["server-live", 200, { live: true }],
  ["aio-server-live", 200, { live: true }],
  ["server-ready", 200, { ready: true }],
  ["model-ready", 200, { ready: true }],
  ["server-metadata", 200, { name: "modelferry", extensions: ["binary_tensor_data", "classification"] }],
  ["model-metadata", 200, { inputs: [{ name: "pixels", datatype: "FP32", shape: [-1, 64] }] }],
  ["model-config", 200, { backend: "onnxruntime", input: [{ name: "pixels", data_type: "TYPE_FP32" }] }],
  ["statistics", 200, { model_stats: [{ name: "digits" }, { name: "echo" }] }],
  ["model-statistics", 200, { model_stats: [{ name: "digits", inference_stats: { success: { ns: Number } } }] }],
  ["repository-index", 200, [{ name: "digits", state: "READY" }, { name: "echo" }]],
  ["aio-repository-index", 200, [{ name: "digits", state: "READY" }, { name: "echo" }]],
  ["load", 403, { error: /signed from the controller/ }],
  ["load-with-files", 403, { error: /signed from the controller/ }],
  ["unload", 403, { error: /signed from the controller/ }],
  ["shared-memory-status", 501, { error: /not offered here/ }],
  ["trace-settings", 501, { error: /not offered here/ }],
  ["log-settings", 501, { error: /not offered here/ }],
  ["infer-unknown-model", 404, { error: /^Request for unknown model: 'nope' is not found/ }],
];
for (const [name, status, json] of questions) {
  t.test(`${name} is answered with ${String(status)}`, async (t) => {
    t.match(decoded(name), { status, json });
  });
}

const inferences: readonly [name: string, examples: number, encoding?: string][] = [
  ["infer", 1],
  ["infer-json", 1],
  ["infer-gzip", 1],
  ["infer-deflate", 1],
  ["infer-async", 1],
  ["infer-options", 1],
  ["infer-answer-gzip", 64, "gzip"],
  ["infer-answer-deflate", 64, "deflate"],
  ["aio-infer", 1],
  ["aio-infer-json", 1],
  ["aio-infer-gzip", 64, "gzip"],
  ["aio-infer-deflate", 64, "deflate"],
];
for (const [name, examples, encoding] of inferences) {
  t.test(`${name} gets the same numbers as every other form`, async (t) => {
    const answer = decoded(name);
    t.match(answer, { status: 200, encoding, json: { outputs: [{ shape: [examples, 10] }] } });
    const floats = floatsOf(answer);
    t.equal(floats.length, examples * 10);
    for (let at = 0; at < examples; at += 1) {
      const off = floats
        .subarray(at * 10, at * 10 + 10)
        .map((value, label) => Math.abs(value - (expected[label] ?? NaN)));
      t.ok(Math.max(...off) < 1e-5, `example ${String(at)}`);
    }
  });
}

t.test("an id comes back, and the version that answered", async (t) => {
  t.match(decoded("infer-options").json, { id: "r-1", model_name: "digits", model_version: "1.1.0" });
});

t.test("classes come as the client's BYTES", async (t) => {
  const { json, binary } = decoded("infer-classes");
  t.match(json, { outputs: [{ datatype: "BYTES", shape: [1, 3] }] });
  t.match(Buffer.from(binary[0] ?? []).toString(), /^.{4}0\.99\d+:0:0.{4}/s);
});

t.test(
  "every datatype goes and comes byte for byte, and outputs in the order in which they were asked for",
  async (t) => {
    const request = readFileSync(`${fixtures}infer-datatypes.http`);
    const headEnd = request.indexOf("\r\n\r\n") + 4;
    const header = /inference-header-content-length: (\d+)/i.exec(request.toString("latin1", 0, headEnd))?.[1];
    const sent = request.subarray(headEnd + Number(header));
    t.same(Buffer.concat(decoded("infer-datatypes").binary), sent);
    const subset = decoded("infer-output-subset");
    t.match(subset.json, { outputs: [{ name: "BYTES_out" }, { name: "FP16_out" }] });
  },
);
