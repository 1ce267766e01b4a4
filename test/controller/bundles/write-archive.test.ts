import { appendFileSync, chmodSync, mkdirSync, readdirSync, utimesSync, writeFileSync } from "node:fs";
import { execFileSync } from "node:child_process";
import { join } from "node:path";
import t from "tap";
import { buildArchive } from "../../../controller/bundles/build-archive.ts";
import { openBundleSource } from "../../../controller/bundles/bundle-source.ts";
import { writeArchive } from "../../../controller/bundles/write-archive.ts";
import { sha256 } from "../../../protocol/trust/digest.ts";
import { collect, copyDigits, inPieces, signedDigits } from "../../support/bundles.ts";
import { newSigner } from "../../support/keys.ts";

const archiveOf = async (directory: string) => collect((await openBundleSource(directory)).stream());

t.test("the same directory gives the same bytes, whoever owns it, whenever it was written", async (t) => {
  const folder = t.testdir();
  const [one, other] = [copyDigits(join(folder, "one")), copyDigits(join(folder, "other"))];
  for (const [at, name] of readdirSync(other).toReversed().entries()) {
    utimesSync(join(other, name), at, at * 1_000);
    chmodSync(join(other, name), 0o700);
  }
  mkdirSync(join(other, ".git"));
  writeFileSync(join(other, ".git", "config"), "x");
  t.same(await archiveOf(one), await archiveOf(other));
  t.same(await archiveOf(one), await archiveOf(one));
  appendFileSync(join(other, "labels.txt"), "x");
  t.notSame(await archiveOf(one), await archiveOf(other));
});

t.test("these files have the bytes that they always had", async (t) => {
  const directory = t.testdir({ "model.json": "{}", "model.onnx": "weights", golden: { "1-in-1.bin": "\0\0" }, é: "" });
  t.equal(sha256(await archiveOf(directory)), "c5f83c83eeaca67d2fbf5c29f5d190a17d62c9c2a0b2f50e3fc904af668f1b5b");
});

t.test("any tar program reads it", async (t) => {
  const folder = t.testdir();
  const { directory } = await signedDigits(join(folder, "digits"), newSigner());
  mkdirSync(join(directory, "golden"));
  const long = `golden/${"x".repeat(150)}-é.bin`;
  writeFileSync(join(directory, long), Buffer.alloc(100_000, 7));
  const path = join(folder, "digits.tar");
  await buildArchive(await openBundleSource(directory), path);
  const listed = execFileSync("tar", ["--quoting-style=literal", "-tf", path], { encoding: "utf8" }).trim().split("\n");
  t.match(listed[0], /^\.oms\/[0-9a-f]{64}\.sig$/);
  t.same(listed.slice(1), ["baseline.json", "golden.json", long, "labels.txt", "model.json", "model.onnx"]);
  t.same(readdirSync(folder).sort(), ["digits", "digits.tar"], "nothing unfinished is left");
});

t.test("a file that grows or shrinks meanwhile ends in an error, not in a damaged archive", async (t) => {
  for (const sizeBytes of [99, 101]) {
    async function* entries() {
      yield await Promise.resolve({ name: "model.onnx", sizeBytes, content: inPieces(Buffer.alloc(100)) });
    }
    await t.rejects(collect(writeArchive(entries())), { code: "file-changed", message: /model\.onnx/ });
  }
});
