import { mkdirSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import t from "tap";
import type { Notes } from "../../../../controller/bundles/import/foreign-model.ts";
import { readTritonModel } from "../../../../controller/bundles/import/triton-model.ts";
import { DIGITS_WARMUP, writeTritonModel } from "../../../support/foreign-models.ts";

const PIXELS = { name: "pixels", datatype: "FP32" as const, shape: [-1, 64] };
const notes = (): Notes => ({ chosen: [], left: [] });

t.test("a model says what its configuration says, with the batch before each shape", async (t) => {
  const told = notes();
  const folder = writeTritonModel(t.testdir());
  const model = await readTritonModel(folder, told);
  t.match(model, {
    name: "Digits_Net",
    version: "3",
    release: 3,
    onnx: join(folder, "3", "model.onnx"),
    labels: join(folder, "digit_labels.txt"),
    providers: [],
    inputs: [{ name: "pixels", datatype: "FP32", shape: [-1, 64] }],
    outputs: [{ name: "probabilities", datatype: "FP32", shape: [-1, 10] }],
  });
  t.match(told, { chosen: [/version 3 of 1, 3/], left: [] });
  t.equal(await model.samples([PIXELS], told), undefined, "no data came with it");
});

t.test("a repository with one model is that model; with several, one must be named", async (t) => {
  const repository = t.testdir();
  writeTritonModel(repository);
  t.match(await readTritonModel(repository, notes()), { name: "Digits_Net" });
  mkdirSync(join(repository, "second", "1"), { recursive: true });
  await t.rejects(readTritonModel(repository, notes()), {
    code: "import-source",
    message: /holds several models: Digits_Net, second/,
    hint: /ferry bundle import triton .*Digits_Net/,
  });
});

t.test("the newest version that the policy serves is taken, or the one that is asked for", async (t) => {
  const folder = writeTritonModel(t.testdir(), undefined, "version_policy: { specific { versions: [1, 2] } }\n");
  t.match(await readTritonModel(folder, notes()), { version: "1" });
  t.match(await readTritonModel(folder, notes(), { fromVersion: "3" }), { version: "3" });
  await t.rejects(readTritonModel(folder, notes(), { fromVersion: "2" }), {
    code: "not-found",
    message: /it has 1, 3/,
  });
  rmSync(join(folder, "1"), { recursive: true });
  await t.rejects(readTritonModel(folder, notes()), {
    code: "import-source",
    message: /serves the versions 1,2, of which none/,
  });
});

t.test("warm-up requests with files of data are golden cases; zeros and random numbers are not", async (t) => {
  const zeros = DIGITS_WARMUP.replace('input_data_file: "zero.bin"', "zero_data: true");
  const model = await readTritonModel(writeTritonModel(t.testdir(), undefined, DIGITS_WARMUP + zeros), notes());
  const samples = await model.samples([PIXELS], notes());
  t.match(samples, [{ name: "a handwritten zero", inputs: [{ name: "pixels", shape: [1, 64] }] }]);
  t.equal(samples?.length, 1);

  for (const [text, why] of [
    [DIGITS_WARMUP.replace("zero.bin", "missing.bin"), /ENOENT/],
    [DIGITS_WARMUP.replace("dims: 64", "dims: 63"), /\[1, 63\], the model takes FP32 \[-1, 64\]/],
    [DIGITS_WARMUP.replace('"pixels"', '"other"'), /no file of data/],
  ] as const) {
    const told = notes();
    const wrong = await readTritonModel(writeTritonModel(t.testdir(), undefined, text), told);
    t.equal(await wrong.samples([PIXELS], told), undefined);
    t.match(told.left.at(-1), why);
  }
});

t.test("accelerators and graphics processors become providers", async (t) => {
  for (const [more, providers] of [
    ["instance_group [ { count: 2, kind: KIND_GPU, gpus: [ 0 ] } ]", ["cuda"]],
    ["instance_group { kind: KIND_CPU }", []],
    [
      'optimization { execution_accelerators { gpu_execution_accelerator : [ { name : "tensorrt" parameters { key: "precision_mode" value: "FP16" } } ] } }',
      ["tensorrt", "cuda"],
    ],
    ['optimization { execution_accelerators { cpu_execution_accelerator : [ { name : "openvino" } ] } }', ["openvino"]],
  ] as const) {
    t.same((await readTritonModel(writeTritonModel(t.testdir(), undefined, more), notes())).providers, providers);
  }
});

t.test("what a bundle has no place for is named, with why", async (t) => {
  const told = notes();
  const config = `backend: "onnxruntime"
input { name: "pixels" data_type: TYPE_FP32 dims: [ 8, 8 ] reshape { shape: [ -1, 64 ] } optional: true }
output [ { name: "probabilities" data_type: TYPE_FP32 dims: [ -1, 10 ] }, { name: "more" label_filename: "more.txt" } ]
dynamic_batching { }
parameters { key: "execution_mode" value: { string_value: "1" } }
optimization { execution_accelerators { gpu_execution_accelerator [ { name: "auto_mixed_precision" } ] } }
rate_limiter { }
`;
  const model = await readTritonModel(writeTritonModel(t.testdir(), config), told);
  t.match(model, {
    name: "Digits_Net",
    inputs: [{ shape: [-1, 64] }],
    outputs: [{ shape: [-1, 10] }, { name: "more" }],
  });
  t.same(model.outputs[1], { name: "more", shape: [] });
  const left = told.left.join("\n");
  for (const word of [
    "more.txt",
    "the parameters execution_mode",
    "rate_limiter",
    'reshape of "pixels"',
    "optional",
    "auto_mixed_precision",
  ]) {
    t.match(left, word);
  }
});

t.test("without a configuration the folder and the ONNX file say it all", async (t) => {
  const folder = writeTritonModel(t.testdir());
  rmSync(join(folder, "config.pbtxt"));
  const told = notes();
  t.match(await readTritonModel(folder, told), { name: "Digits_Net", version: "3", inputs: [], outputs: [] });
  t.match(told.chosen[0], /there is no config\.pbtxt/);
});

t.test("the file may have another name, or be a folder", async (t) => {
  const folder = writeTritonModel(t.testdir(), undefined, 'default_model_filename: "net.onnx"\n');
  await t.rejects(readTritonModel(folder, notes()), { code: "import-source", message: /There is no .*3\/net\.onnx/ });
  mkdirSync(join(folder, "3", "net.onnx"));
  renameSync(join(folder, "3", "model.onnx"), join(folder, "3", "net.onnx", "model.onnx"));
  t.match(await readTritonModel(folder, notes()), { onnx: join(folder, "3", "net.onnx", "model.onnx") });
});

t.test("what is no such model is refused with what to do", async (t) => {
  const folder = t.testdir({
    empty: {},
    ensemble: { "config.pbtxt": 'platform: "ensemble"', 1: {} },
    python: { "config.pbtxt": 'backend: "python"', 1: {} },
    torn: { "config.pbtxt": "input [ {" },
    words: { "config.pbtxt": 'max_batch_size: "many"' },
    none: { "config.pbtxt": 'name: "none"' },
    labels: { "config.pbtxt": 'output { name: "y" label_filename: "labels.txt" }', 1: { "model.onnx": "" } },
    large: {},
  });
  writeFileSync(join(folder, "large", "config.pbtxt"), " ".repeat(1_048_577));
  for (const [name, message] of [
    ["empty", /is no model of a Triton repository/],
    ["ensemble", /is an ensemble of other models/],
    ["python", /is run by python/],
    ["torn", /config\.pbtxt cannot be used: line 1/],
    ["words", /max_batch_size/],
    ["none", /has no folder for a version/],
    ["labels", /labels\.txt, which are not there/],
    ["large", /1048577 bytes/],
  ] as const) {
    await t.rejects(readTritonModel(join(folder, name), notes()), { code: "import-source", message });
  }
  await t.rejects(readTritonModel(join(folder, "nowhere"), notes()), { code: "not-found" });
});

t.test("instances, threads and batches become what a device may take of them", async (t) => {
  for (const [more, serving] of [
    ["instance_group [ { count: 2 }, { count: 3 } ]", { instances: 5 }],
    ["instance_group { count: 40 }", { instances: 16 }],
    ["instance_group { }", undefined],
    ['parameters [ { key: "intra_op_thread_count" value: { string_value: "2" } } ]', { intraOpThreads: 2 }],
    ["dynamic_batching { }", { batching: { maxBatch: 8 } }],
    ["dynamic_batching { max_queue_delay_microseconds: 500 }", { batching: { maxBatch: 8, maxDelayMs: 0.5 } }],
    ["dynamic_batching { max_queue_delay_microseconds: 900000 }", { batching: { maxBatch: 8, maxDelayMs: 100 } }],
  ] as const) {
    t.same((await readTritonModel(writeTritonModel(t.testdir(), undefined, more), notes())).serving, serving, more);
  }
});
