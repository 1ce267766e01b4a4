import { cpSync, readFileSync, writeFileSync } from "node:fs";
import t from "tap";
import { makeBaseline } from "../../../controller/bundles/make-baseline.ts";
import { parseBaseline } from "../../../protocol/bundle/baseline.ts";

const digits = new URL("../../../examples/digits/", import.meta.url);

t.test("samples in four forms give the same baseline, and model.json names it", async (t) => {
  const directory = t.testdir({});
  cpSync(new URL("v1.0.0", digits), `${directory}/digits`, { recursive: true });
  const samples = JSON.parse(readFileSync(new URL("samples.json", digits), "utf8")) as {
    inputs: { pixels: number[][] };
  }[];
  const rows = samples.map(({ inputs }) => inputs.pixels.flat());
  writeFileSync(`${directory}/samples.csv`, `${rows.map((row) => row.join(",")).join("\n")}\n`);
  writeFileSync(`${directory}/samples.jsonl`, samples.map((sample) => `${JSON.stringify(sample)}\n`).join(""));
  const header = `{'descr': '<f4', 'fortran_order': False, 'shape': (${rows.length}, 64), }`.padEnd(117) + "\n";
  const head = Buffer.concat([Buffer.from("\u0093NUMPY\u0001\u0000", "latin1"), Buffer.from([header.length, 0])]);
  const values = Buffer.from(Float32Array.from(rows.flat()).buffer);
  writeFileSync(`${directory}/samples.npy`, Buffer.concat([head, Buffer.from(header, "latin1"), values]));
  const texts: string[] = [];
  for (const file of [
    new URL("samples.json", digits).pathname,
    `${directory}/samples.csv`,
    `${directory}/samples.npy`,
    `${directory}/samples.jsonl`,
  ]) {
    const { baseline, isSmall } = await makeBaseline(`${directory}/digits`, file);
    t.match(baseline, { samples: rows.length });
    t.equal(isSmall, false);
    texts.push(readFileSync(`${directory}/digits/baseline.json`, "utf8"));
  }
  t.equal(new Set(texts).size, 1);
  const { features } = parseBaseline(Buffer.from(texts[0] ?? ""));
  t.equal(features.length, 66);
  t.match(JSON.parse(readFileSync(`${directory}/digits/model.json`, "utf8")), { baseline: "baseline.json" });
  writeFileSync(`${directory}/short.csv`, "1,2,3\n");
  await t.rejects(makeBaseline(`${directory}/digits`, `${directory}/short.csv`), { code: "bad-samples" });
  writeFileSync(`${directory}/broken.jsonl`, `${JSON.stringify(samples[0])}\n{"inputs":\n`);
  await t.rejects(makeBaseline(`${directory}/digits`, `${directory}/broken.jsonl`), {
    code: "bad-samples",
    message: /line 2 is no JSON/,
  });
  await t.rejects(makeBaseline(`${directory}/digits`, `${directory}/none.csv`), { code: "not-found" });
});
