import { copyFileSync, existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import t, { type Test } from "tap";
import { openCheckedBundle } from "../../../controller/bundles/check-bundle.ts";
import { initBundle, type InitOptions } from "../../../controller/bundles/init-bundle.ts";
import { testBundle } from "../../../controller/bundles/test-bundle.ts";
import { openBundleSource } from "../../../controller/bundles/bundle-source.ts";
import { BASELINE_SAMPLES_MIN, GOLDEN_OF_SAMPLES_MAX } from "../../../controller/bundles/write-bundle.ts";
import { parseGoldenSet } from "../../../protocol/bundle/golden.ts";
import { parseBaseline } from "../../../protocol/bundle/baseline.ts";
import { parseModelJson } from "../../../protocol/bundle/model-json.ts";
import { readDigits, topLabel } from "../../support/digits.ts";
import { OCR_ANGLE, SILERO_V5, SILERO_V6, writeModelFolder } from "../../support/real-models.ts";
import { tinyOnnx, type TinyModel } from "../../support/tiny-onnx.ts";

const examples = new URL("../../../examples/digits/", import.meta.url).pathname;
const SAMPLES = join(examples, "samples.json");
const PLAIN: InitOptions = { version: "1.0.0", force: false };

/** A folder with the digits' ONNX file and nothing else of theirs. */
function digitsFolder(t: Test, as = "model.onnx"): string {
  const folder = join(t.testdir(), "digits");
  mkdirSync(folder);
  copyFileSync(join(examples, "v1.0.0", "model.onnx"), join(folder, as));
  return folder;
}

function tinyFolder(t: Test, model: TinyModel): string {
  const folder = join(t.testdir(), "tiny");
  mkdirSync(folder);
  writeFileSync(join(folder, "model.onnx"), tinyOnnx(model));
  return folder;
}

const goldenOf = (folder: string) => parseGoldenSet(readFileSync(join(folder, "golden.json")));

t.test("an ONNX file and samples become a bundle whose golden set passes", async (t) => {
  const folder = digitsFolder(t);
  copyFileSync(join(examples, "v1.0.0", "labels.txt"), join(folder, "labels.txt"));
  const { cases, baselineSamples, synthetic } = await initBundle(folder, { ...PLAIN, samples: SAMPLES });
  t.equal(cases, GOLDEN_OF_SAMPLES_MAX, "a device runs them before each swap");
  t.equal(baselineSamples, readDigits().length, "all of them say what is normal");
  t.notOk(synthetic);
  t.match(parseModelJson(readFileSync(join(folder, "model.json"))), {
    name: "digits",
    version: "1.0.0",
    release: 1_000_000,
    rollbackIndex: 0,
    file: "model.onnx",
    inputs: [{ name: "pixels", datatype: "FP32", shape: [-1, 64] }],
    outputs: [{ name: "probabilities", datatype: "FP32", shape: [-1, 10] }],
    labels: "labels.txt",
    baseline: "baseline.json",
    compatible: ["*"],
    serving: { batching: { maxBatch: 16 } },
  });
  const report = await testBundle(await openBundleSource(folder));
  t.same(
    report.cases.filter(({ difference }) => difference !== undefined),
    [],
  );
});

t.test("the committed digits are described as init describes them", async (t) => {
  for (const version of ["1.0.0", "1.1.0"]) {
    const made = digitsFolder(t);
    copyFileSync(join(examples, `v${version}`, "model.onnx"), join(made, "model.onnx"));
    const { model } = await initBundle(made, { ...PLAIN, version, samples: SAMPLES });
    t.match(parseModelJson(readFileSync(join(examples, `v${version}`, "model.json"))), model);
  }
});

t.test(
  "the committed digits prove themselves by two of each, read nine of ten right, and say what is normal",
  async (t) => {
    for (const version of ["1.0.0", "1.1.0", "1.2.0"]) {
      const { cases, session } = await openCheckedBundle(join(examples, `v${version}`));
      await session.release();
      t.equal(cases.length, 20);
      const labels = new Map(readDigits().map(({ name, label }) => [name, label]));
      const right = goldenOf(join(examples, `v${version}`)).cases.filter(({ name, outputs = [] }) => {
        const probabilities = (outputs[0]?.values ?? []).map(Number);
        return topLabel({ version, probabilities }) === labels.get(name);
      });
      t.ok(right.length >= 18, `${version}: ${right.length}`);
      const baseline = parseBaseline(readFileSync(join(examples, `v${version}`, "baseline.json")));
      t.equal(baseline.samples, labels.size);
      t.match(baseline.detectors, { calibratedWith: 225, mahalanobis: { threshold: Number } });
    }
  },
);

t.test("real models of other people become bundles: states, scalars, large images", async (t) => {
  const folder = t.testdir();
  for (const [name, model] of Object.entries({
    "silero-v5": SILERO_V5,
    "silero-v6": SILERO_V6,
    "ocr-angle": OCR_ANGLE,
  })) {
    const { bundle, samples } = writeModelFolder(join(folder, name), model);
    await initBundle(bundle, { ...PLAIN, samples });
    const { cases } = await testBundle(await openBundleSource(bundle));
    t.equal(cases.length, model.samples.length);
    t.same(
      cases.filter(({ difference }) => difference !== undefined),
      [],
      name,
    );
  }
  // An image of 3 × 48 × 192 has a file; the two probabilities stand in the JSON.
  const [ocr] = goldenOf(join(folder, "ocr-angle")).cases;
  t.match(ocr, { inputs: [{ file: "golden/1-in-1.bin" }], outputs: [{ values: [Number, Number] }] });
  t.equal(readFileSync(join(folder, "ocr-angle", "golden", "1-in-1.bin")).byteLength, 3 * 48 * 192 * 4);
});

t.test("without samples the inputs are synthetic, and the same on every machine", async (t) => {
  const folder = digitsFolder(t);
  const { synthetic, cases } = await initBundle(folder, PLAIN);
  t.ok(synthetic);
  t.equal(cases, 3);
  const first = readFileSync(join(folder, "golden.json"));
  await initBundle(folder, { ...PLAIN, force: true });
  t.same(readFileSync(join(folder, "golden.json")), first);
  t.match(goldenOf(folder).cases[0], { inputs: [{ shape: [1, 64] }] }, "a dimension that varies is 1");
});

t.test(
  "every datatype gets synthetic inputs and a golden set that passes, with a file where JSON cannot hold it",
  async (t) => {
    const types = [
      "FP32",
      "FP64",
      "FP16",
      "INT64",
      "UINT64",
      "INT32",
      "UINT32",
      "INT16",
      "UINT16",
      "INT8",
      "UINT8",
      "BOOL",
      "BYTES",
    ] as const;
    for (const type of types) {
      const folder = tinyFolder(t, {
        inputs: [{ name: "x", type, shape: ["n", 3] }],
        outputs: [{ name: "y", type, shape: ["n", 3] }],
        nodes: [{ op: "Identity", inputs: ["x"], outputs: ["y"] }],
      });
      await initBundle(folder, PLAIN);
      const { cases } = await testBundle(await openBundleSource(folder));
      t.ok(
        cases.every(({ difference }) => difference === undefined),
        type,
      );
      t.equal(existsSync(join(folder, "golden")), type === "FP16", type);
    }
  },
);

t.test("a model that cannot use synthetic inputs says so, and asks for samples", async (t) => {
  const { bundle } = writeModelFolder(join(t.testdir(), "silero"), SILERO_V5);
  const failure = await initBundle(bundle, PLAIN).catch((thrown: unknown) => thrown);
  t.match(failure, { code: "synthetic-refused", hint: /--samples/ });
  t.notOk(existsSync(join(bundle, "model.json")), "nothing is half made");
});

t.test("an answer that is no number proves nothing and makes no golden set", async (t) => {
  const folder = tinyFolder(t, {
    inputs: [{ name: "x", type: "FP32", shape: [2] }],
    outputs: [{ name: "y", type: "FP32", shape: [2] }],
    nodes: [{ op: "Log", inputs: ["x"], outputs: ["y"] }],
  });
  const samples = `${folder}.json`;
  writeFileSync(samples, JSON.stringify([{ name: "negative", inputs: { x: [-1, 1] } }]));
  await t.rejects(initBundle(folder, { ...PLAIN, samples }), {
    code: "golden-not-finite",
    message: /negative.*NaN.*"y"/,
  });
});

t.test("samples of a kind are taken from all over the file, and too few are no baseline", async (t) => {
  const folder = digitsFolder(t);
  const rows = readDigits().map(({ pixels }) => pixels.join(","));
  const samples = join(folder, "..", "samples.csv");
  writeFileSync(samples, rows.slice(0, BASELINE_SAMPLES_MIN - 1).join("\n"));
  const few = await initBundle(folder, { ...PLAIN, samples });
  t.match(few, { cases: GOLDEN_OF_SAMPLES_MAX, baselineSamples: undefined, model: { baseline: undefined } });
  const turns = new Set(goldenOf(folder).cases.map(({ name }) => Number(name.split(" ")[1]) % 10));
  t.equal(turns.size, 10, "though every tenth is of one digit");
});

t.test("samples are taken as nested arrays or as OIP inputs, and refused with their name", async (t) => {
  const folder = digitsFolder(t);
  const samples = join(folder, "..", "samples.json");
  const pixels = Array.from({ length: 64 }, (_, at) => at % 17);
  const oip = (change: object) => [
    { inputs: [{ name: "pixels", datatype: "FP32", shape: [1, 64], data: pixels, ...change }] },
  ];
  const write = (value: unknown) => {
    writeFileSync(samples, typeof value === "string" ? value : JSON.stringify(value));
  };
  for (const good of [oip({}), [{ inputs: { pixels: [pixels] } }]]) {
    write(good);
    const { cases } = await initBundle(folder, { ...PLAIN, samples, force: true });
    t.equal(cases, 1);
  }
  const cases = [
    { why: "not JSON", value: "{", message: /not JSON/ },
    { why: "not a list", value: {}, message: /array/ },
    { why: "an empty list", value: [], message: /items/ },
    { why: "an input that is missing", value: [{ inputs: {} }], message: /sample 1: input "pixels": it is missing/ },
    {
      why: "a flat list",
      value: [{ name: "seven", inputs: { pixels } }],
      message: /seven: .*\[64\].*takes \[-1, 64\]/,
    },
    { why: "ragged lists", value: [{ inputs: { pixels: [[1, 2], [3]] } }], message: /dimension 1/ },
    {
      why: "texts",
      value: [{ inputs: { pixels: [pixels.map(String)] } }],
      message: /element 0 is "0", expected a number/,
    },
    { why: "another shape", value: [{ inputs: { pixels: [[1, 2]] } }], message: /its shape is \[1, 2\]/ },
    { why: "another datatype", value: oip({ datatype: "FP64" }), message: /FP64, the model takes FP32/ },
    { why: "another name", value: oip({ name: "image" }), message: /"pixels": it is missing/ },
  ];
  for (const { why, value, message } of cases) {
    write(value);
    await t.rejects(initBundle(folder, { ...PLAIN, samples, force: true }), { code: "bad-samples", message }, why);
  }
  await t.rejects(initBundle(folder, { ...PLAIN, samples: join(folder, "none"), force: true }), { code: "not-found" });
});

t.test("a folder in which no model can be found says what it found", async (t) => {
  const folder = digitsFolder(t, "digits.onnx");
  t.equal((await initBundle(folder, PLAIN)).model.file, "digits.onnx", "the only one, whatever its name");
  copyFileSync(join(folder, "digits.onnx"), join(folder, "other.onnx"));
  await t.rejects(initBundle(folder, { ...PLAIN, force: true }), {
    code: "no-model",
    message: /digits\.onnx, other\.onnx/,
  });
  copyFileSync(join(folder, "digits.onnx"), join(folder, "model.onnx"));
  t.equal((await initBundle(folder, { ...PLAIN, force: true })).model.file, "model.onnx", "model.onnx wins");
  for (const file of ["digits.onnx", "other.onnx", "model.onnx"]) rmSync(join(folder, file));
  await t.rejects(initBundle(folder, { ...PLAIN, force: true }), { code: "no-model", hint: /model\.onnx/ });
});

t.test("what was signed of a variant is kept with --force", async (t) => {
  const folder = digitsFolder(t);
  copyFileSync(join(folder, "model.onnx"), join(folder, "model.int8.onnx"));
  await initBundle(folder, PLAIN);
  const file = join(folder, "model.json");
  const made = parseModelJson(readFileSync(file));
  const variants = [
    { name: "int8", file: "model.int8.onnx", tolerance: { absolute: 0.1, relative: 0 }, compatible: ["jetson"] },
  ];
  writeFileSync(file, JSON.stringify({ ...made, variants }));
  t.strictSame((await initBundle(folder, { ...PLAIN, samples: SAMPLES, force: true })).model.variants, variants);
});

t.test("files that are named after the model become its variants", async (t) => {
  const folder = digitsFolder(t);
  copyFileSync(join(examples, "v1.2.0", "model.int8.onnx"), join(folder, "model.int8.onnx"));
  copyFileSync(join(examples, "v1.2.0", "model.fp16.onnx"), join(folder, "model-fp16.onnx"));
  const { model } = await initBundle(folder, { ...PLAIN, samples: SAMPLES });
  const variants = [
    { name: "fp16", file: "model-fp16.onnx" },
    { name: "int8", file: "model.int8.onnx" },
  ];
  t.same(model.variants, variants);
  t.same(parseModelJson(readFileSync(join(folder, "model.json"))).variants, variants);
  renameSync(join(folder, "model.onnx"), join(folder, "net.onnx"));
  renameSync(join(folder, "model-fp16.onnx"), join(folder, "net-fp16.onnx"));
  rmSync(join(folder, "model.int8.onnx"));
  t.equal(
    (await initBundle(folder, { ...PLAIN, force: true })).model.file,
    "net.onnx",
    "the others are named after it",
  );
});

t.test("a file that onnxruntime cannot use ends in an error with its own code", async (t) => {
  const add: TinyModel = {
    inputs: [{ name: "x", type: "FP32", shape: [2] }],
    outputs: [{ name: "y", type: "FP32", shape: [2] }],
    nodes: [{ op: "Add", inputs: ["x", "w"], outputs: ["y"] }],
    initializers: [{ name: "w", shape: [2], values: [1, 2] }],
  };
  const external = (file: string): TinyModel => ({
    ...add,
    initializers: [{ name: "w", shape: [2], values: { file } }],
  });
  const cases = [
    { why: "not an ONNX file", bytes: Buffer.from("hello"), code: "onnx-malformed" },
    { why: "an opset of the future", bytes: tinyOnnx({ ...add, opset: 999 }), code: "onnx-opset" },
    { why: "external data that is missing", bytes: tinyOnnx(external("weights.bin")), code: "onnx-external-data" },
    {
      why: "external data that escapes its directory",
      bytes: tinyOnnx(external("../weights.bin")),
      code: "onnx-external-data",
    },
  ];
  for (const { why, bytes, code } of cases) {
    const folder = join(t.testdir({ "weights.bin": "12345678" }), "tiny");
    mkdirSync(folder);
    writeFileSync(join(folder, "model.onnx"), bytes);
    await t.rejects(initBundle(folder, PLAIN), { name: "FerryError", code }, why);
  }
  const folder = tinyFolder(t, external("weights.bin"));
  writeFileSync(join(folder, "weights.bin"), Buffer.from(Float32Array.of(1, 2).buffer));
  await initBundle(folder, PLAIN);
  t.pass("external data that lies beside the model is taken");
});

t.test("names and versions that are not allowed come back with one that is", async (t) => {
  const folder = digitsFolder(t);
  const cases = [
    { options: { name: "My Model!" }, hint: "Try: --name my-model" },
    { options: { name: "Åpen_Dør" }, hint: "Try: --name a-pen-d-r" },
    { options: { name: "日本" }, hint: "Give another one with --name." },
    { options: { name: "x".repeat(64) }, hint: `Try: --name ${"x".repeat(63)}` },
    { options: { version: "v 1/2" }, hint: "Try: --version v-1-2" },
    { options: { version: "" }, hint: "Give another one with --version." },
  ];
  for (const { options, hint } of cases) {
    await t.rejects(initBundle(folder, { ...PLAIN, ...options }), { code: "bad-name", hint }, JSON.stringify(options));
  }
});

t.test(
  "what is there already is overwritten only when asked, tensor files of the former golden set included",
  async (t) => {
    const { bundle, samples } = writeModelFolder(join(t.testdir(), "ocr"), {
      ...OCR_ANGLE,
      samples: [...OCR_ANGLE.samples, ...OCR_ANGLE.samples],
    });
    await initBundle(bundle, { ...PLAIN, samples });
    t.ok(existsSync(join(bundle, "golden", "2-in-1.bin")));
    await t.rejects(initBundle(bundle, { ...PLAIN, samples }), { code: "exists", hint: /--force/ });
    writeFileSync(samples, JSON.stringify(OCR_ANGLE.samples));
    await initBundle(bundle, { ...PLAIN, samples, force: true });
    t.ok(existsSync(join(bundle, "golden", "1-in-1.bin")));
    t.notOk(existsSync(join(bundle, "golden", "2-in-1.bin")));
  },
);

t.test("the release number ascends as versions do", async (t) => {
  const folder = digitsFolder(t);
  const releaseOf = async (version: string) => (await initBundle(folder, { version, force: true })).model.release;
  const releases = [];
  for (const version of ["0.9.12", "1.0.0", "1.0.1", "1.2.0", "1.10.0", "2.0.0"])
    releases.push(await releaseOf(version));
  t.same(
    releases,
    releases.toSorted((a, b) => a - b),
  );
  t.equal(await releaseOf("nightly"), 1);
  t.equal((await initBundle(folder, { version: "1.0.0", release: 7, force: true })).model.release, 7);
});
