import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import t, { type Test } from "tap";
import { openBundleSource } from "../../../../controller/bundles/bundle-source.ts";
import type { ForeignModel, Notes } from "../../../../controller/bundles/import/foreign-model.ts";
import { importBundle, type ImportOptions } from "../../../../controller/bundles/import/import-bundle.ts";
import { readMlflowModel } from "../../../../controller/bundles/import/mlflow-model.ts";
import { readTritonModel } from "../../../../controller/bundles/import/triton-model.ts";
import { testBundle } from "../../../../controller/bundles/test-bundle.ts";
import { DIGITS_WARMUP, writeMlflowModel, writeTritonModel } from "../../../support/foreign-models.ts";
import { tinyOnnx } from "../../../support/tiny-onnx.ts";

async function imported(
  read: (notes: Notes) => Promise<ForeignModel>,
  options: Partial<ImportOptions> & { output: string },
) {
  const notes: Notes = { chosen: [], left: [] };
  return importBundle(await read(notes), notes, { force: false, ...options });
}

/** y = x · w with w in a file beside the model, as MLflow saves it by default. */
function writeExternalModel(folder: string, file: string): void {
  writeMlflowModel(folder, { signature: null, example: { inputs: [1, 2] } });
  const onnx = tinyOnnx({
    inputs: [{ name: "x", type: "FP32", shape: [2] }],
    outputs: [{ name: "y", type: "FP32", shape: [2] }],
    nodes: [{ op: "Mul", inputs: ["x", "w"], outputs: ["y"] }],
    initializers: [{ name: "w", shape: [2], values: { file } }],
  });
  writeFileSync(join(folder, "model.onnx"), onnx);
}

async function passes(t: Test, directory: string) {
  const { cases } = await testBundle(await openBundleSource(directory));
  t.same(
    cases.filter(({ difference }) => difference !== undefined),
    [],
  );
  return cases;
}

t.test("an MLflow model becomes a bundle that passes its golden set, made from the input example", async (t) => {
  const folder = t.testdir();
  const output = join(folder, "bundle");
  const source = writeMlflowModel(join(folder, "digits"));
  const report = await imported((notes) => readMlflowModel(source, notes), { output });
  t.match(report, {
    directory: output,
    cases: 1,
    inputs: "source",
    model: { name: "digits", version: "1.0.0", release: 1_000_000 },
  });
  t.same(readdirSync(output).sort(), ["golden.json", "model.json", "model.onnx"]);
  await passes(t, output);
  t.same(readdirSync(folder).sort(), ["bundle", "digits"], "nothing is left beside it");
});

t.test("a Triton model becomes a bundle with its labels, under the nearest allowed name", async (t) => {
  const folder = t.testdir();
  const output = join(folder, "bundle");
  writeTritonModel(join(folder, "repository"), undefined, `${DIGITS_WARMUP}dynamic_batching { }`);
  const report = await imported((notes) => readTritonModel(join(folder, "repository"), notes), { output });
  t.match(report, {
    inputs: "source",
    cases: 1,
    model: {
      name: "digits-net",
      version: "3",
      release: 3,
      labels: "labels.txt",
      serving: { batching: { maxBatch: 8 } },
    },
  });
  t.match(report.chosen.join("\n"), /the name digits-net: "Digits_Net" is not allowed here/);
  const [tested] = await passes(t, output);
  t.equal(tested?.name, "a handwritten zero");
});

t.test("a name, a version and samples that are given win", async (t) => {
  const output = join(t.testdir(), "bundle");
  const samples = new URL("../../../../examples/digits/samples.json", import.meta.url).pathname;
  const source = writeMlflowModel(join(t.testdirName, "digits"));
  const options = { output, name: "mine", version: "2.5.0", samples };
  const report = await imported((notes) => readMlflowModel(source, notes), options);
  t.match(report, {
    inputs: "samples",
    cases: 50,
    baselineSamples: 450,
    model: { name: "mine", version: "2.5.0", release: 2_005_000 },
  });
});

t.test("weights beside the model come along; those that are missing or outside are refused", async (t) => {
  const folder = t.testdir();
  const source = join(folder, "model");
  writeExternalModel(source, "8c84aa10-ead8-11f1-bc55-02fc00000001");
  const read = (notes: Notes) => readMlflowModel(source, notes);
  const output = join(folder, "bundle");
  await t.rejects(imported(read, { output }), {
    code: "import-source",
    message: /keeps weights in 8c84aa10.*not beside it/,
  });
  writeFileSync(join(source, "8c84aa10-ead8-11f1-bc55-02fc00000001"), Float32Array.of(3, 4));
  t.match(await imported(read, { output }), { cases: 1, inputs: "source" });
  await passes(t, output);
  t.match(readFileSync(join(output, "golden.json"), "utf8"), /"values": \[3, 8\]/);

  writeExternalModel(join(folder, "model"), "../../secret");
  await t.rejects(imported(read, { output: join(folder, "second") }), {
    code: "import-source",
    message: /outside its folder/,
  });
  t.same(readdirSync(folder).sort(), ["bundle", "model"]);
});

t.test(
  "a declaration that contradicts the ONNX file is refused with the difference, and nothing is written",
  async (t) => {
    const folder = t.testdir();
    const source = writeMlflowModel(join(folder, "digits"), {
      signature: { inputs: '[{"type": "tensor", "tensor-spec": {"dtype": "uint8", "shape": [-1, 28, 28]}}]' },
    });
    await t.rejects(
      imported((notes) => readMlflowModel(source, notes), { output: join(folder, "out") }),
      {
        code: "import-differs",
        message:
          /input "pixels" is said to be UINT8; in the ONNX file it is FP32; input "pixels" is said to have the shape \[-1, 28, 28\]/,
      },
    );
    const triton = writeTritonModel(join(folder, "repository"));
    writeFileSync(join(triton, "digit_labels.txt"), "zero\none\n");
    await t.rejects(
      imported((notes) => readTritonModel(triton, notes), { output: join(folder, "out") }),
      {
        code: "import-differs",
        message: /digit_labels\.txt has 2 labels; output "probabilities" has 10 classes/,
      },
    );
    t.same(readdirSync(folder).sort(), ["digits", "repository"]);
  },
);

t.test("a file that is no ONNX model is named", async (t) => {
  const source = writeMlflowModel(join(t.testdir(), "digits"));
  writeFileSync(join(source, "model.onnx"), "not a model");
  await t.rejects(
    imported((notes) => readMlflowModel(source, notes), { output: join(t.testdirName, "out") }),
    {
      code: "onnx-malformed",
      message: /digits\/model\.onnx/,
    },
  );
});

t.test("a bundle is replaced only when asked, and another folder never", async (t) => {
  const folder = t.testdir({ home: { "letter.txt": "dear" } });
  const source = writeMlflowModel(join(folder, "digits"));
  const read = (notes: Notes) => readMlflowModel(source, notes);
  await t.rejects(imported(read, { output: join(folder, "home"), force: true }), {
    code: "exists",
    message: /letter\.txt/,
  });
  const output = join(folder, "bundle");
  mkdirSync(output);
  await imported(read, { output });
  await t.rejects(imported(read, { output }), { code: "exists", hint: /--force/ });
  t.match(await imported(read, { output, force: true, version: "1.0.1" }), { model: { version: "1.0.1" } });
});

t.test("batches are left out, and that is said, where the ONNX file has no rows", async (t) => {
  const folder = t.testdir({
    fixed: { 1: {}, "config.pbtxt": "dynamic_batching { } max_batch_size: 4 instance_group { count: 2 }" },
  });
  const fixed = { type: "FP32", shape: [3] } as const;
  writeFileSync(
    join(folder, "fixed", "1", "model.onnx"),
    tinyOnnx({
      inputs: [{ name: "x", ...fixed }],
      outputs: [{ name: "y", ...fixed }],
      nodes: [{ op: "Identity", inputs: ["x"], outputs: ["y"] }],
    }),
  );
  const report = await imported((notes) => readTritonModel(join(folder, "fixed"), notes), {
    output: join(folder, "out"),
  });
  t.same(report.model.serving, { instances: 2 });
  t.match(report.left.join(), /batching: not every input/);
});
