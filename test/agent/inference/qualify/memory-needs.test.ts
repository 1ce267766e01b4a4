import { statSync } from "node:fs";
import { join } from "node:path";
import t from "tap";
import { MemoryNeeds } from "../../../../agent/inference/qualify/memory-needs.ts";
import { estimatedNeedBytes, leastNeedBytes } from "../../../../agent/inference/qualify/memory-plan.ts";
import type { StatementDigest } from "../../../../protocol/ids.ts";
import { digitsFolder, writePlusOne } from "../../../support/model-folders.ts";

const FILES = ["model.onnx"];

t.test(
  "a bundle's need is estimated from its files until it was measured, and never falls below what it was",
  async (t) => {
    const bundle = await writePlusOne(t.testdir());
    const needs = new MemoryNeeds();
    const bytes = ["model.onnx", "model.json", "golden.json"].map(
      (file) => statSync(join(bundle.directory, file)).size,
    );
    t.equal((await needs.of(bundle, FILES)).needBytes, estimatedNeedBytes(bytes.reduce((sum, size) => sum + size, 0)));
    needs.note(bundle.statement, "model.onnx", 70e6);
    needs.note(bundle.statement, "model.onnx", 60e6);
    t.equal((await needs.of(bundle, FILES)).needBytes, 70e6);
  },
);

t.test("what was measured longest ago is forgotten when there is too much of it", async (t) => {
  const bundle = await writePlusOne(t.testdir());
  const needs = new MemoryNeeds();
  needs.note(bundle.statement, "model.onnx", 70e6);
  for (let at = 0; at < 63; at += 1) needs.note(String(at) as StatementDigest, "model.onnx", 1);
  t.equal((await needs.of(bundle, FILES)).needBytes, 70e6);
  needs.note("one more" as StatementDigest, "model.onnx", 1);
  t.not((await needs.of(bundle, FILES)).needBytes, 70e6);
});

t.test("of several files that may be loaded, one at a time, the one that needs most counts", async (t) => {
  const bundle = digitsFolder("1.2.0");
  const needs = new MemoryNeeds();
  const size = (file: string) => statSync(join(bundle.directory, file)).size;
  const beside = ["model.json", "golden.json", "labels.txt", "baseline.json"].reduce(
    (sum, file) => sum + size(file),
    0,
  );
  const [small, large] = ["model.int8.onnx", "model.onnx"] as const;
  t.equal((await needs.of(bundle, [small])).needBytes, estimatedNeedBytes(beside + size(small)));
  t.equal((await needs.of(bundle, [small, large])).needBytes, estimatedNeedBytes(beside + size(large)));
  needs.note(bundle.statement, small, 900e6);
  t.equal((await needs.of(bundle, [small, large])).needBytes, 900e6);
  t.equal((await needs.of(bundle, [large])).needBytes, estimatedNeedBytes(beside + size(large)));
  t.equal(
    (await needs.of(bundle, [small, large])).leastBytes,
    leastNeedBytes(size(large)),
    "of the one that needs least",
  );
});
