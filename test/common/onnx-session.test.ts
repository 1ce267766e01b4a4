import { spawnSync } from "node:child_process";
import { readdirSync, rmSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import t, { type Test } from "tap";
import { FerryError } from "../../common/ferry-error.ts";
import { openOnnxSession } from "../../common/onnx-session.ts";
import type { OnnxDatatype } from "../../common/onnx-tensor.ts";
import { copyOnnxruntime } from "../support/copied-onnxruntime.ts";
import { ONNX_TYPES, tinyOnnx, type TinyModel } from "../support/tiny-onnx.ts";

const SILERO = "node_modules/@ricky0123/vad-web/dist/silero_vad_v5.onnx";

/** y = x + w. */
const ADD: TinyModel = {
  inputs: [{ name: "x", type: "FP32", shape: ["n", 2] }],
  outputs: [{ name: "y", type: "FP32", shape: ["n", 2] }],
  nodes: [{ op: "Add", inputs: ["x", "w"], outputs: ["y"] }],
  initializers: [{ name: "w", shape: [2], values: [10, 20] }],
};

function writeModel(t: Test, bytes: Uint8Array): string {
  const path = join(t.testdir(), "model.onnx");
  writeFileSync(path, bytes);
  return path;
}

t.test("a model's inputs and outputs have the protocol's datatypes, and -1 where a dimension varies", async (t) => {
  const session = await openOnnxSession(SILERO);
  t.same(session.inputs, [
    { name: "input", datatype: "FP32", shape: [-1, -1] },
    { name: "state", datatype: "FP32", shape: [2, -1, 128] },
    { name: "sr", datatype: "INT64", shape: [] },
  ]);
  t.same(session.outputs, [
    { name: "output", datatype: "FP32", shape: [-1, 1] },
    { name: "stateN", datatype: "FP32", shape: [-1, -1, -1] },
  ]);
  t.equal(session.provider, "cpu");
  await session.release();
});

t.test("a model computes on bytes, wherever in memory they begin", async (t) => {
  const session = await openOnnxSession(writeModel(t, tinyOnnx(ADD)));
  const memory = Buffer.alloc(1 + 16);
  memory.set(new Uint8Array(Float32Array.of(1, 2, 3, 4).buffer), 1);
  const [y] = await session.run([{ name: "x", datatype: "FP32", shape: [2, 2], bytes: memory.subarray(1) }]);
  t.same(y?.shape, [2, 2]);
  t.same(new Float32Array((y?.bytes ?? new Uint8Array()).slice().buffer), Float32Array.of(11, 22, 13, 24));
});

t.test("only the outputs that are asked for come back, in that order", async (t) => {
  const session = await openOnnxSession(SILERO);
  const inputs = [
    { name: "input", datatype: "FP32", shape: [1, 512], bytes: new Uint8Array(2_048) },
    { name: "state", datatype: "FP32", shape: [2, 1, 128], bytes: new Uint8Array(1_024) },
    { name: "sr", datatype: "INT64", shape: [], bytes: new Uint8Array(BigInt64Array.of(16_000n).buffer) },
  ] as const;
  const names = async (outputs?: string[]) => (await session.run(inputs, outputs)).map((tensor) => tensor.name);
  t.same(await names(), ["output", "stateN"]);
  t.same(await names(["stateN"]), ["stateN"]);
  t.same(await names(["stateN", "output"]), ["stateN", "output"]);
});

t.test("every datatype goes through a model unchanged", async (t) => {
  const texts = Buffer.from("\u0003\0\0\0abc\u0000\0\0\0\u0002\0\0\0ø");
  const bytes: Record<OnnxDatatype, Uint8Array> = {
    BOOL: Uint8Array.of(1, 0, 1),
    UINT8: Uint8Array.of(0, 7, 255),
    UINT16: new Uint8Array(Uint16Array.of(0, 7, 65_535).buffer),
    UINT32: new Uint8Array(Uint32Array.of(0, 7, 2 ** 32 - 1).buffer),
    UINT64: new Uint8Array(BigUint64Array.of(0n, 7n, 2n ** 64n - 1n).buffer),
    INT8: new Uint8Array(Int8Array.of(-128, 7, 127).buffer),
    INT16: new Uint8Array(Int16Array.of(-32_768, 7, 32_767).buffer),
    INT32: new Uint8Array(Int32Array.of(-(2 ** 31), 7, 2 ** 31 - 1).buffer),
    INT64: new Uint8Array(BigInt64Array.of(-(2n ** 63n), 7n, 2n ** 63n - 1n).buffer),
    // 1, -2 and NaN in half precision.
    FP16: new Uint8Array(Uint16Array.of(0x3c00, 0xc000, 0x7e00).buffer),
    FP32: new Uint8Array(Float32Array.of(1.5, -Infinity, NaN).buffer),
    FP64: new Uint8Array(Float64Array.of(1.5, -Infinity, NaN).buffer),
    BYTES: texts,
  };
  for (const datatype of Object.keys(ONNX_TYPES) as (keyof typeof ONNX_TYPES)[]) {
    const value = { type: datatype, shape: ["n"] };
    const identity: TinyModel = {
      inputs: [{ name: "x", ...value }],
      outputs: [{ name: "y", ...value }],
      nodes: [{ op: "Identity", inputs: ["x"], outputs: ["y"] }],
    };
    const session = await openOnnxSession(writeModel(t, tinyOnnx(identity)));
    t.same(session.inputs, [{ name: "x", datatype, shape: [-1] }], datatype);
    const [y] = await session.run([{ name: "x", datatype, shape: [3], bytes: bytes[datatype] }]);
    t.same(y?.datatype, datatype);
    t.same(Buffer.from(y?.bytes ?? []).toString("hex"), Buffer.from(bytes[datatype]).toString("hex"), datatype);
  }
});

const unloadable = [
  { when: "there is no such file", bytes: undefined, code: "not-found", says: /no file/ },
  { when: "the file is text", bytes: Buffer.from("{}"), code: "onnx-malformed", says: /not an ONNX model/ },
  { when: "the file is empty", bytes: Buffer.alloc(0), code: "onnx-malformed", says: /not an ONNX model/ },
  {
    when: "the file is cut short",
    bytes: tinyOnnx(ADD).subarray(0, 60),
    code: "onnx-malformed",
    says: /not an ONNX model, or is cut short/,
  },
  {
    when: "its operators are from the future",
    bytes: tinyOnnx({ ...ADD, opset: 99 }),
    code: "onnx-opset",
    says: /needs version 99 of the operators of ai.onnx; this onnxruntime knows them up to 26/,
  },
  {
    when: "an operator does not exist",
    bytes: tinyOnnx({ ...ADD, nodes: [{ op: "Ad", inputs: ["x", "w"], outputs: ["y"] }] }),
    code: "onnx-opset",
    says: /uses the operator Ad, which version 17/,
  },
  {
    when: "its external data is missing",
    bytes: tinyOnnx({ ...ADD, initializers: [{ name: "w", shape: [2], values: { file: "w.bin" } }] }),
    code: "onnx-external-data",
    says: /keeps weights in another file, .*w\.bin, which is not there/,
  },
  {
    when: "its external data lies elsewhere",
    bytes: tinyOnnx({ ...ADD, initializers: [{ name: "w", shape: [2], values: { file: "../../../w.bin" } }] }),
    code: "onnx-external-data",
    says: /w\.bin/,
  },
  {
    when: "its graph does not hold together",
    bytes: tinyOnnx({ ...ADD, initializers: [] }),
    code: "onnx-load",
    says: /cannot be loaded: .*'w' is not a graph input/,
  },
];
for (const { when, bytes, code, says } of unloadable) {
  t.test(`loading fails with ${code} when ${when}`, async (t) => {
    const path = bytes === undefined ? join(t.testdir(), "none.onnx") : writeModel(t, bytes);
    const error: unknown = await openOnnxSession(path).catch((thrown: unknown) => thrown);
    t.ok(error instanceof FerryError);
    t.match(error, { code, message: says, hint: /\w/ });
  });
}

const unfit = [
  {
    when: "bytes are missing",
    tensor: { shape: [1, 2], bytes: new Uint8Array(7) },
    code: "onnx-tensor",
    says: /needs 8/,
  },
  {
    when: "the shape is not the model's",
    tensor: { shape: [1], bytes: new Uint8Array(4) },
    code: "onnx-run",
    says: /x/,
  },
];
for (const { when, tensor, code, says } of unfit) {
  t.test(`running fails with ${code} when ${when}`, async (t) => {
    const session = await openOnnxSession(writeModel(t, tinyOnnx(ADD)));
    await t.rejects(session.run([{ name: "x", datatype: "FP32", ...tensor }]), { code, message: says });
  });
}

/** In a process of its own, which a provider that fails may take with it. */
function openElsewhere(options: object, environment: NodeJS.ProcessEnv = {}) {
  const program = `
    import { openOnnxSession } from ${JSON.stringify(resolve("common/onnx-session.ts"))};
    const opened = await openOnnxSession(${JSON.stringify(resolve(SILERO))}, ${JSON.stringify(options)}).catch(
      ({ code, message, hint }) => ({ code, message, hint }),
    );
    console.log(JSON.stringify(opened));`;
  const { stdout, stderr } = spawnSync(process.execPath, ["--input-type=module", "-e", program], {
    env: { PATH: process.env["PATH"], ...environment },
    encoding: "utf8",
  });
  return JSON.parse(stdout === "" ? JSON.stringify({ stderr }) : stdout) as Record<string, unknown>;
}

const absent = [
  {
    provider: "cuda",
    says: "this onnxruntime lacks libonnxruntime_providers_cuda, or a library that it needs is not installed",
  },
  {
    provider: "tensorrt",
    says: "this onnxruntime lacks libonnxruntime_providers_tensorrt, or a library that it needs is not installed",
  },
  { provider: "webgpu", says: "no graphics adapter was found" },
  // onnxruntime-node leaves out names that it does not know and computes on the processor: that would be a silent lie.
  { provider: "openvino", says: /^this onnxruntime has only cpu, / },
];
for (const { provider, says } of absent) {
  t.test(`${provider}, which this machine lacks, is refused in a sentence`, async (t) => {
    t.match(openElsewhere({ provider }), { code: "onnx-provider", message: says });
  });
}

t.test("a file that is no model is told as such, whatever the provider", async (t) => {
  await t.rejects(openOnnxSession(writeModel(t, Buffer.from("{}")), { provider: "cpu" }), { code: "onnx-malformed" });
});

t.test("a session says which provider it has, and which there are", async (t) => {
  const session = await openOnnxSession(SILERO, { intraOpThreads: 1 });
  t.match(session, { provider: "cpu", ignoredOptions: [] });
  t.ok(session.knownProviders.includes("cpu"));
});

t.test("the native library leaves nothing in the home or cache folder", async (t) => {
  const home = t.testdir();
  const program = `
    import { openOnnxSession } from ${JSON.stringify(resolve("common/onnx-session.ts"))};
    const session = await openOnnxSession(${JSON.stringify(resolve(SILERO))});
    await session.run([
      { name: "input", datatype: "FP32", shape: [1, 512], bytes: new Uint8Array(2048) },
      { name: "state", datatype: "FP32", shape: [2, 1, 128], bytes: new Uint8Array(1024) },
      { name: "sr", datatype: "INT64", shape: [], bytes: new Uint8Array(BigInt64Array.of(16000n).buffer) },
    ]);
    await session.release();
    console.log(process.env.ORT_DISABLE_TELEMETRY);`;
  const environment = { PATH: process.env["PATH"], HOME: home, XDG_CACHE_HOME: join(home, "cache"), TMPDIR: home };
  const ended = spawnSync(process.execPath, ["--input-type=module", "-e", program], {
    env: environment,
    encoding: "utf8",
  });
  t.equal(ended.stdout, "1\n", ended.stderr);
  t.same(readdirSync(home, { recursive: true }), []);
});

t.test("FERRY_ORT_PATH names another onnxruntime-node, by its folder or its entry file", async (t) => {
  const folder = copyOnnxruntime(t.testdir());
  for (const path of [folder, join(folder, "dist", "index.js")]) {
    t.match(openElsewhere({}, { FERRY_ORT_PATH: path }), { provider: "cpu" }, path);
  }
});

t.test("an onnxruntime-node whose native part does not load is named with the reason", async (t) => {
  const folder = copyOnnxruntime(t.testdir());
  const native = join(folder, "bin", "napi-v6", process.platform, process.arch, "onnxruntime_binding.node");
  rmSync(native);
  writeFileSync(native, "not a library");
  t.match(openElsewhere({}, { FERRY_ORT_PATH: folder }), {
    code: "onnx-runtime",
    message: /FERRY_ORT_PATH is .*, which cannot be used: it does not load \(.*(invalid ELF header|too short)/,
    hint: /built for this machine/,
  });
});
