import { copyFileSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import t from "tap";
import { buildArchive } from "../../../controller/bundles/build-archive.ts";
import { openBundleSource } from "../../../controller/bundles/bundle-source.ts";
import { testBundle } from "../../../controller/bundles/test-bundle.ts";
import { copyDigits } from "../../support/bundles.ts";

t.test("the golden set runs from a directory and from an archive, and is timed", async (t) => {
  const folder = t.testdir();
  const directory = copyDigits(join(folder, "digits"), "1.1.0");
  const archive = join(folder, "digits.tar");
  const unpacking = join(folder, "tmp");
  mkdirSync(unpacking);
  process.env["TMPDIR"] = unpacking;
  await buildArchive(await openBundleSource(directory), archive);
  for (const path of [directory, archive]) {
    const { cases, provider, latencyMs } = await testBundle(await openBundleSource(path));
    t.equal(cases.length, 20);
    t.ok(cases.every(({ difference }) => difference === undefined));
    t.equal(provider, "cpu");
    t.ok(latencyMs.p50 > 0 && latencyMs.p95 >= latencyMs.p50);
  }
  t.same(readdirSync(unpacking), [], "what was unpacked is gone");
});

t.test("an answer beyond the tolerance fails its case, and only that one", async (t) => {
  const directory = copyDigits(join(t.testdir(), "digits"));
  const path = join(directory, "golden.json");
  const golden = JSON.parse(readFileSync(path, "utf8")) as { cases: { outputs: { values: number[] }[] }[] };
  const values = golden.cases[3]?.outputs[0]?.values ?? [];
  values[1] = 0.5;
  writeFileSync(path, JSON.stringify(golden));
  const { cases } = await testBundle(await openBundleSource(directory));
  t.same(
    cases.filter(({ difference }) => difference !== undefined).map(({ name }) => name),
    ["digit 1, sample 2"],
  );
  t.match(cases[3]?.difference, /probabilities.*expected 0\.5/);
});

t.test("each variant is tested with its own tolerance, and timed", async (t) => {
  const directory = copyDigits(join(t.testdir(), "digits"), "1.2.0");
  const { variants } = await testBundle(await openBundleSource(directory));
  t.match(variants, [
    { name: "default", file: "model.onnx", sizeBytes: 24_496 },
    { name: "fp16", file: "model.fp16.onnx", sizeBytes: 12_478 },
    { name: "int8", file: "model.int8.onnx", sizeBytes: 7_179 },
  ]);
  for (const { cases, latencyMs } of variants) {
    t.ok(cases.length === 20 && cases.every(({ difference }) => difference === undefined));
    t.ok(latencyMs.p50 > 0);
  }
  const path = join(directory, "model.json");
  writeFileSync(path, readFileSync(path, "utf8").replace('"absolute": 0.01', '"absolute": 0'));
  const report = await testBundle(await openBundleSource(directory));
  t.ok(
    report.cases.every(({ difference }) => difference === undefined),
    "the default file is as good as before",
  );
  t.match(report.variants[2]?.cases.find(({ difference }) => difference !== undefined)?.difference, /probabilities/);
});

t.test("a bundle with one file has no variants to tell", async (t) => {
  const { variants } = await testBundle(await openBundleSource(copyDigits(join(t.testdir(), "digits"))));
  t.same(variants, []);
});

t.test("a variant that is missing, or has another interface, is no part of a bundle", async (t) => {
  const directory = copyDigits(join(t.testdir(), "digits"), "1.2.0");
  const test = async () => testBundle(await openBundleSource(directory));
  const silero = "node_modules/@ricky0123/vad-web/dist/silero_vad_v5.onnx";
  copyFileSync(silero, join(directory, "model.int8.onnx"));
  await t.rejects(test(), { code: "bad-bundle", message: /but model\.int8\.onnx has input FP32/ });
  rmSync(join(directory, "model.int8.onnx"));
  await t.rejects(test(), { code: "bad-bundle", message: /names model\.int8\.onnx, which is not there/ });
});
