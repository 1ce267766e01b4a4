import { statSync } from "node:fs";
import { join } from "node:path";
import t from "tap";
import { MemoryNeeds } from "../../../agent/inference/memory-needs.ts";
import { estimatedNeedBytes } from "../../../agent/inference/memory-plan.ts";
import type { StatementDigest } from "../../../protocol/ids.ts";
import { writePlusOne } from "../../support/model-folders.ts";

t.test(
  "a bundle's need is estimated from its files until it was measured, and never falls below what it was",
  async (t) => {
    const bundle = await writePlusOne(t.testdir());
    const needs = new MemoryNeeds();
    const bytes = ["model.onnx", "model.json", "golden.json"].map(
      (file) => statSync(join(bundle.directory, file)).size,
    );
    t.equal(await needs.of(bundle), estimatedNeedBytes(bytes.reduce((sum, size) => sum + size, 0)));
    needs.note(bundle.statement, 70e6);
    needs.note(bundle.statement, 60e6);
    t.equal(await needs.of(bundle), 70e6);
  },
);

t.test("what was measured longest ago is forgotten when there is too much of it", async (t) => {
  const bundle = await writePlusOne(t.testdir());
  const needs = new MemoryNeeds();
  needs.note(bundle.statement, 70e6);
  for (let at = 0; at < 63; at += 1) needs.note(String(at) as StatementDigest, 1);
  t.equal(await needs.of(bundle), 70e6);
  needs.note("one more" as StatementDigest, 1);
  t.not(await needs.of(bundle), 70e6);
});
