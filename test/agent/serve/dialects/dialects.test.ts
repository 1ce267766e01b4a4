import { execFile } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { gunzipSync } from "node:zlib";
import { request as httpRequest } from "node:http";
import { buffer } from "node:stream/consumers";
import { once } from "node:events";
import type { IncomingMessage } from "node:http";
import { promisify } from "node:util";
import t from "tap";
import { readDigits } from "../../../support/digits.ts";
import { digitsFolder, writeSilero } from "../../../support/model-folders.ts";
import { openServingAgent } from "../../../support/serving-agent.ts";

const runFile = promisify(execFile);
const agent = await openServingAgent();
t.teardown(() => agent[Symbol.asyncDispose]());
await agent.serve(digitsFolder("1.1.0"));
const { url } = agent;
const [digit, other] = readDigits();
if (digit === undefined || other === undefined) throw new Error("there are digits");
const LABELS = readFileSync("examples/digits/v1.1.0/labels.txt", "utf8").trim().split("\n");

async function call(method: string, path: string, body?: unknown, headers: Record<string, string> = {}) {
  const init = {
    method,
    headers,
    ...(body === undefined ? {} : { body: typeof body === "string" ? body : JSON.stringify(body) }),
  };
  const response = await fetch(url + path, init);
  const text = await response.text();
  return { status: response.status, text, json: /^[[{]/.test(text) ? (JSON.parse(text) as unknown) : undefined };
}

/** The probabilities as the protocol itself gives them: what every dialect must give too. */
const plain = (await call("POST", "/predict", { inputs: { pixels: [digit.pixels, other.pixels] } })).json as {
  outputs: { probabilities: number[][] };
};
const [first = [], second = []] = plain.outputs.probabilities;

t.test("TensorFlow Serving's clients", async (t) => {
  const predict = "/v1/models/digits:predict";
  t.same((await call("POST", predict, { instances: [digit.pixels, other.pixels] })).json, {
    predictions: [first, second],
  });
  t.same((await call("POST", predict, { instances: [{ pixels: digit.pixels }] })).json, { predictions: [first] });
  t.same((await call("POST", predict, { inputs: [digit.pixels] })).json, { outputs: [first] });
  t.same((await call("POST", predict, { inputs: { pixels: [digit.pixels] } })).json, { outputs: [first] });
  t.same((await call("POST", "/v1/models/digits/versions/1.1.0:predict", { instances: [digit.pixels] })).json, {
    predictions: [first],
  });
  t.match((await call("GET", "/v1/models/digits")).json, {
    model_version_status: [{ version: "1.1.0", state: "AVAILABLE", status: { error_code: "OK" } }],
  });
  t.match((await call("GET", "/v1/models/digits/metadata")).json, {
    model_spec: { name: "digits" },
    metadata: { signature_def: { signature_def: { serving_default: { inputs: { pixels: { dtype: "DT_FLOAT" } } } } } },
  });

  const wrong: readonly [unknown, string, number, RegExp][] = [
    [{ instances: [[1, 2]] }, predict, 400, /pixels/],
    [{ instances: [{ pixel: [1] }] }, predict, 400, /instances\[0\] has no "pixels"/],
    [{ instances: [{ pixels: digit.pixels }, 3] }, predict, 400, /instances\[1\] is no object/],
    [{ instances: [] }, predict, 400, /instances/],
    [{}, predict, 400, /either "instances"/],
    [{ instances: [1] }, "/v1/models/digits:classify", 501, /use :predict/],
    [{ instances: [1] }, "/v1/models/digits", 400, /ends with :predict/],
    [{ instances: [1] }, "/v1/models/nobody:predict", 404, /unknown model/],
    [{ instances: [1] }, "/v1/models/digits/versions/9:predict", 404, /unknown version/],
    ["{", predict, 400, /JSON/],
  ];
  for (const [body, path, status, error] of wrong) t.match(await call("POST", path, body), { status, json: { error } });
});

t.test("TorchServe's clients", async (t) => {
  const { json } = await call("POST", "/predictions/digits", [digit.pixels]);
  const best = Object.entries(json as Record<string, number>);
  t.equal(best.length, 5);
  t.same(best[0], [LABELS[first.indexOf(Math.max(...first))], Math.max(...first)]);
  t.same((await call("POST", "/predictions/digits/1.1.0", [digit.pixels, other.pixels])).json, [first, second]);
  t.match(await call("GET", "/ping"), { status: 200, json: { status: "Healthy" } });
  t.same((await call("PUT", "/predictions/digits", [digit.pixels])).json, json, "curl -T");
  t.match((await call("GET", "/models")).json, { models: [{ modelName: "digits" }] });
  t.match((await call("GET", "/models/digits")).json, [{ modelVersion: "1.1.0", workers: [{ status: "READY" }] }]);
  t.match(await call("POST", "/predictions/digits", "nonsense"), {
    status: 400,
    json: { code: 400, type: "BadRequestException", message: /not JSON/ },
  });
  t.match(await call("POST", "/predictions/digits/2.0", [digit.pixels]), {
    status: 404,
    json: { code: 404, type: "ModelNotFoundException", message: /version 2.0 is not found/ },
  });
  t.match((await call("POST", "/models/digits", "")).json, { code: 405, type: "MethodNotAllowedException" });
});

t.test("MLflow's clients", async (t) => {
  const columns = digit.pixels.map((_, at) => `pixel${String(at)}`);
  const record = Object.fromEntries(digit.pixels.map((value, at) => [`pixel${String(at)}`, value]));
  const byRow = { predictions: [{ probabilities: first }] };
  t.same((await call("POST", "/invocations", { dataframe_split: { columns, data: [digit.pixels] } })).json, byRow);
  t.same((await call("POST", "/invocations", { dataframe_records: [record] })).json, byRow);
  t.same((await call("POST", "/invocations", { inputs: [digit.pixels] })).json, {
    predictions: { probabilities: [first] },
  });
  t.same((await call("POST", "/invocations", { instances: [digit.pixels] })).json, {
    predictions: { probabilities: [first] },
  });
  const csv = `${columns.join(",")}\n${digit.pixels.join(",")}\n`;
  t.same((await call("POST", "/invocations", csv, { "content-type": "text/csv" })).json, byRow);
  t.equal((await call("GET", "/version")).status, 200);
  t.match(await call("GET", "/health"), { status: 200, text: "\n" });

  const wrong: readonly [unknown, RegExp, string?][] = [
    [{}, /one of "dataframe_split"/],
    [{ inputs: [1], instances: [1] }, /one of/],
    [{ dataframe_split: { columns: ["a"], data: [[1, 2]] } }, /Row 0 has 2 values for 1 columns/],
    ["a,b\n1,x\n", /Row 1 of the CSV has "x"/, "text/csv"],
    ["a,b\n", /no row/, "text/csv"],
    ['a\n"1"\n', /Quoted CSV/, "text/csv"],
  ];
  for (const [body, error, type = "application/json"] of wrong) {
    t.match(await call("POST", "/invocations", body, { "content-type": type }), {
      status: 400,
      json: { error_code: "BAD_REQUEST", message: error },
    });
  }
});

t.test("Triton's extensions: configuration, statistics, repository, classes, raw requests", async (t) => {
  t.match((await call("GET", "/v2")).json, { extensions: ["binary_tensor_data", "classification", "statistics"] });
  t.match((await call("GET", "/v2/models/digits/config")).json, {
    name: "digits",
    backend: "onnxruntime",
    max_batch_size: 16,
    input: [{ name: "pixels", data_type: "TYPE_FP32", dims: [64] }],
    output: [{ name: "probabilities", data_type: "TYPE_FP32", dims: [10] }],
  });
  t.match((await call("POST", "/v2/repository/index")).json, [{ name: "digits", version: "1.1.0", state: "READY" }]);
  t.match((await call("POST", "/v2/repository/index", { ready: true })).json, [{ name: "digits" }]);
  t.match(await call("GET", "/v2/systemsharedmemory/status"), { status: 501, json: { error: /not offered here/ } });
  t.match(await call("POST", "/v2/repository/models/digits/load"), { status: 403 });
  t.match(await call("POST", "/v2/repository/models/digits/unload"), {
    status: 403,
    json: { error: /signed from the controller/ },
  });

  const before = (await call("GET", "/v2/models/digits/stats")).json as { model_stats: [{ inference_count: number }] };
  const inputs = [{ name: "pixels", datatype: "FP32", shape: [1, 64], data: digit.pixels }];
  const outputs = [{ name: "probabilities", parameters: { classification: 2 } }];
  const classes = (await call("POST", "/v2/models/digits/infer", { inputs, outputs })).json;
  const top = first.indexOf(Math.max(...first));
  t.match(classes, {
    outputs: [{ datatype: "BYTES", shape: [1, 2], data: [new RegExp(`^[\\d.]+:${String(top)}:`), /:/] }],
  });
  const after = (await call("GET", "/v2/models/stats")).json as typeof before;
  t.equal(after.model_stats[0].inference_count, before.model_stats[0].inference_count + 1);
  t.match(after, { model_stats: [{ name: "digits", version: "1.1.0", inference_stats: { success: { ns: Number } } }] });

  const raw = await fetch(`${url}/v2/models/digits/infer`, {
    method: "POST",
    headers: { "inference-header-content-length": "0" },
    body: Buffer.from(Float32Array.from(digit.pixels).buffer),
  });
  const headerBytes = Number(raw.headers.get("inference-header-content-length"));
  const answer = Buffer.from(await raw.arrayBuffer());
  const probabilities = new Float32Array(Uint8Array.from(answer.subarray(headerBytes)).buffer);
  t.equal(probabilities.indexOf(Math.max(...probabilities)), top);
});

t.test("whoever asks for gzip by name gets it, and whoever lists what they could read does not", async (t) => {
  const body = JSON.stringify([digit.pixels, other.pixels, ...Array.from({ length: 30 }, () => digit.pixels)]);
  const ask = async (encoding: string) => {
    const sent = httpRequest(`${url}/predictions/digits`, { method: "POST", headers: { "accept-encoding": encoding } });
    sent.end(body);
    const [response] = (await once(sent, "response")) as [IncomingMessage];
    return { encoding: response.headers["content-encoding"], bytes: await buffer(response) };
  };
  const compressed = await ask("gzip");
  const asIs = await ask("gzip, deflate, br");
  t.equal(compressed.encoding, "gzip");
  t.equal(asIs.encoding, undefined);
  t.same(gunzipSync(compressed.bytes), asIs.bytes);
});

t.test("an array that numpy saved is read as it is, whatever kind of number it holds", async (t) => {
  // What numpy.save writes, without numpy.
  const script = `
import struct, sys
numbers = [float(text) for text in sys.argv[2:]]
header = "{'descr': '<f8', 'fortran_order': False, 'shape': (64,), }".ljust(117) + "\\n"
with open(sys.argv[1], "wb") as file:
    file.write(b"\\x93NUMPY\\x01\\x00" + struct.pack("<H", len(header)) + header.encode() + struct.pack("<64d", *numbers))
`;
  const file = `${t.testdir()}/digit.npy`;
  await runFile("python3", ["-c", script, file, ...digit.pixels.map(String)]);
  const response = await fetch(`${url}/predict`, { method: "POST", body: readFileSync(file) });
  t.same(((await response.json()) as typeof plain).outputs.probabilities, [first]);
});

t.test("a client of Python's standard library", async (t) => {
  const script = `import json, sys, urllib.request
body = json.dumps({"inputs": [{"name": "pixels", "datatype": "FP32", "shape": [1, 64], "data": json.loads(sys.argv[2])}]}).encode()
request = urllib.request.Request(sys.argv[1] + "/v2/models/digits/infer", data=body)
print(json.dumps(json.load(urllib.request.urlopen(request))["outputs"][0]["data"]))`;
  const file = `${t.testdir()}/client.py`;
  writeFileSync(file, script);
  const { stdout } = await runFile("python3", [file, url, JSON.stringify(digit.pixels)]);
  t.same(JSON.parse(stdout), first);
});

t.test("each model describes itself as OpenAPI", async (t) => {
  t.match((await call("GET", "/v2/models/digits/docs")).json, {
    openapi: "3.1.0",
    info: { title: "digits 1.1.0" },
    paths: {
      "/predict/digits": { post: { requestBody: Object } },
      "/v2/models/digits/infer": { post: { responses: { 200: Object, 429: Object } } },
    },
  });
});

t.test("with a second model here, a request that names none is asked which", async (t) => {
  await agent.serve(await writeSilero(t.testdir(), 5));
  t.match(await call("POST", "/invocations", { inputs: [1] }), { status: 400, json: { message: /Several models/ } });
  const page = await fetch(url, { headers: { accept: "text/html" } });
  t.match(await page.text(), /<form action="\/predict\/digits" data-predict>/);
});
