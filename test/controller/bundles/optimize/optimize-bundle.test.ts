import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import t, { type Test } from "tap";
import { openBundleSource } from "../../../../controller/bundles/bundle-source.ts";
import { initBundle } from "../../../../controller/bundles/init-bundle.ts";
import { NotAccurate, optimizeBundle } from "../../../../controller/bundles/optimize/optimize-bundle.ts";
import { testBundle } from "../../../../controller/bundles/test-bundle.ts";
import { parseGoldenSet } from "../../../../protocol/bundle/golden.ts";
import { OCR_ANGLE, writeModelFolder } from "../../../support/real-models.ts";
import { tinyOnnx } from "../../../support/tiny-onnx.ts";

const digits = new URL("../../../../examples/digits/v1.1.0", import.meta.url).pathname;
const golden = (folder: string) => parseGoldenSet(readFileSync(join(folder, "golden.json")));
const BOTH = ["weights", "dynamic"] as const;

async function passes(t: Test, folder: string) {
  const { cases } = await testBundle(await openBundleSource(folder));
  t.same(
    cases.filter(({ difference }) => difference !== undefined),
    [],
  );
}

t.test("the text classifier shrinks to two fifths within its golden set's own tolerance", async (t) => {
  const { bundle, samples } = writeModelFolder(join(t.testdir(), "ocr"), OCR_ANGLE);
  await initBundle(bundle, { version: "2.0.0", samples, force: false });
  mkdirSync(join(bundle, ".oms"));
  writeFileSync(join(bundle, ".oms", "publisher.sig"), "over the other bytes");
  const output = join(t.testdirName, "small");
  const report = await optimizeBundle(bundle, { output, int8: BOTH, force: false });
  t.match(report, { chosen: "int8 weights", model: { name: "ocr", version: "2.0.0-int8" } });
  const [before, after, ...others] = report.figures;
  t.same(others, [], "version 9 of the operators has no integers to compute in");
  t.ok((after?.sizeBytes ?? 0) < 0.42 * (before?.sizeBytes ?? 0));
  t.match(after?.accuracy, { top1Agreement: 1, maxDifference: Number });
  t.same(
    readdirSync(output).sort(),
    ["golden", "golden.json", "model.json", "model.onnx"],
    "no signature of other bytes",
  );
  t.same(golden(output), golden(bundle), "the golden set is what it was");
  await passes(t, output);
  t.same(readdirSync(t.testdirName).sort(), ["ocr", "ocr.samples.json", "small"], "nothing is left beside it");
});

t.test(
  "a golden set that no longer passes is not loosened: it is said, with the tolerance that it would take",
  async (t) => {
    const output = join(t.testdir(), "small");
    const refused = await optimizeBundle(digits, { output, int8: ["weights"], force: false }).catch(
      (thrown: unknown) => thrown,
    );
    if (!(refused instanceof NotAccurate)) throw new Error(String(refused));
    t.match(refused.failure, {
      code: "optimize-accuracy",
      message: /int8 weights passes 19 of 20 golden cases: output "probabilities" differs/,
    });
    t.notOk(existsSync(output));
    t.match(refused.report.figures, [{ passedCases: 20 }, { passedCases: 19, firstFailure: String }]);

    const [, tolerance = ""] = /--tolerance ([0-9.e-]+)$/.exec(refused.failure.hint ?? "") ?? [];
    const report = await optimizeBundle(digits, {
      output,
      int8: ["weights"],
      tolerance: Number(tolerance),
      force: false,
    });
    t.match(report.tolerance, { absolute: Number(tolerance), relative: 0.01 });
    t.equal(golden(output).tolerance.absolute, Number(tolerance), "devices will accept what a person has");
    await passes(t, output);
  },
);

t.test("onnxruntime's own rewriting is written at each level, alone or before the integers", async (t) => {
  const folder = t.testdir();
  for (const level of ["basic", "extended", "all"] as const) {
    const output = join(folder, level);
    const { model, chosen } = await optimizeBundle(digits, { output, level, int8: [], force: false });
    t.match({ model, chosen }, { model: { version: `1.1.0-${level}` }, chosen: level });
    await passes(t, output);
  }
  const output = join(folder, "both");
  const report = await optimizeBundle(digits, {
    output,
    level: "basic",
    int8: ["dynamic"],
    tolerance: 0.05,
    version: "1.2.0",
    force: false,
  });
  t.match(report, {
    chosen: "basic, int8 dynamic",
    model: { version: "1.2.0" },
    quantized: [{ mode: "dynamic", products: 2 }],
  });
  await passes(t, output);
});

t.test("integers that are clearly faster are taken: a product of 1,024 × 1,024", async (t) => {
  const folder = join(t.testdir(), "wide");
  mkdirSync(folder);
  const values = Array.from({ length: 1_024 ** 2 }, (_, at) => ((at * 7_919) % 101) / 3_200 - 0.0156);
  writeFileSync(
    join(folder, "model.onnx"),
    tinyOnnx({
      inputs: [{ name: "x", type: "FP32", shape: ["n", 1_024] }],
      outputs: [{ name: "y", type: "FP32", shape: ["n", 1_024] }],
      nodes: [{ op: "MatMul", inputs: ["x", "w"], outputs: ["y"] }],
      initializers: [{ name: "w", shape: [1_024, 1_024], values: { file: "w.bin" } }],
    }),
  );
  writeFileSync(join(folder, "w.bin"), Float32Array.from(values));
  await initBundle(folder, { version: "1.0.0", force: false });
  const output = join(t.testdirName, "small");
  const report = await optimizeBundle(folder, { output, int8: BOTH, tolerance: 1, force: false });
  t.equal(report.figures.length, 3);
  t.match(report.quantized, [{ mode: "weights" }, { mode: "dynamic", products: 1 }]);
  t.ok((report.figures[0]?.sizeBytes ?? 0) > 4 * 1_024 ** 2, "the weights beside the model count");
  t.same(readdirSync(output).sort(), ["golden.json", "model.json", "model.onnx"], "they are in the model now");
});

t.test("what makes no sense is refused before anything is measured", async (t) => {
  const folder = t.testdir({ taken: { "letter.txt": "dear" } });
  const options = { int8: ["weights"], force: true } as const;
  await t.rejects(optimizeBundle(digits, { output: join(folder, "x"), int8: [], force: false }), { code: "usage" });
  await t.rejects(optimizeBundle(digits, { ...options, output: digits }), {
    code: "usage",
    message: /is the bundle itself/,
  });
  await t.rejects(optimizeBundle(digits, { ...options, output: join(folder, "taken") }), { code: "exists" });
  cpSync(digits, join(folder, "bundle"), { recursive: true });
  writeFileSync(join(folder, "bundle", "labels.txt"), "one\n");
  await t.rejects(optimizeBundle(join(folder, "bundle"), { ...options, output: join(folder, "x") }), {
    code: "bad-bundle",
  });
  t.same(readdirSync(folder).sort(), ["bundle", "taken"]);
});

t.test("a variant stands beside the file as it is, with a tolerance of its own", async (t) => {
  const output = join(t.testdir(), "both");
  const options = { output, int8: ["weights"], asVariant: true, force: true } as const;
  const { model } = await optimizeBundle(digits, { ...options, tolerance: 0.01 });
  t.match(model, {
    version: "1.1.0-int8",
    file: "model.onnx",
    variants: [{ name: "int8", file: "model-int8.onnx", tolerance: { absolute: 0.01, relative: 0.01 } }],
  });
  t.same(readFileSync(join(output, "model.onnx")), readFileSync(join(digits, "model.onnx")));
  t.same(golden(output), golden(digits), "the golden set holds for the file as it is");
  const { variants } = await testBundle(await openBundleSource(output));
  t.same(
    variants.flatMap(({ cases }) => cases.filter(({ difference }) => difference !== undefined)),
    [],
  );
  t.same(
    variants.map(({ name }) => name),
    ["default", "int8"],
  );

  const again = join(t.testdirName, "again");
  const second = await optimizeBundle(output, { ...options, output: again, tolerance: 0.02, version: "2.0.0" });
  t.match(second.model.variants, [{ name: "int8", tolerance: { absolute: 0.02 } }], "another try takes its place");
  t.equal(second.model.variants?.length, 1);
});
