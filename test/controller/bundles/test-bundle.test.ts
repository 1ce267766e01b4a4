import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
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
