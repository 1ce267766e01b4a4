import { appendFileSync, readdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import t from "tap";
import { buildArchive } from "../../../controller/bundles/build-archive.ts";
import { openBundleSource } from "../../../controller/bundles/bundle-source.ts";
import { inspectBundle } from "../../../controller/bundles/inspect-bundle.ts";
import { preparePush } from "../../../controller/bundles/push-bundle.ts";
import { readArchive } from "../../../controller/bundles/read-archive.ts";
import { signBundle } from "../../../controller/bundles/sign-bundle.ts";
import { verifyArchive } from "../../../controller/bundles/verify-archive.ts";
import { hashDirectory } from "../../../common/hash-directory.ts";
import { modelStatement, UNSIGNED_PATHS } from "../../../protocol/trust/model-statement.ts";
import { signStatement } from "../../../protocol/trust/signature-file.ts";
import { copyDigits, publisherRole, tarOf } from "../../support/bundles.ts";
import { newSigner } from "../../support/keys.ts";

const [first, second] = [newSigner(), newSigner()];

async function verified(path: string, threshold: number) {
  const source = await openBundleSource(path);
  return verifyArchive(await readArchive(source.stream()), publisherRole(threshold, first, second));
}

t.test("a directory is signed by several publishers, each in a file of their own, over one statement", async (t) => {
  const directory = copyDigits(join(t.testdir(), "digits"));
  const source = await openBundleSource(directory);
  const one = await signBundle(source, first);
  await t.rejects(verified(directory, 2), { code: "publisher-signature" });
  const two = await signBundle(source, second);
  t.equal(two.statement, one.statement);
  t.same(two.kept, [one.path]);
  t.equal((await verified(directory, 2)).statement, one.statement);
  t.same(
    readdirSync(join(directory, ".oms")).sort(),
    [first, second].map(({ publicKey }) => `${publicKey.hint}.sig`).sort(),
  );
});

t.test("the statement does not depend on where the directory lies", async (t) => {
  const folder = t.testdir();
  const statements = [];
  for (const name of ["one", "other"]) {
    const source = await openBundleSource(copyDigits(join(folder, name)));
    statements.push((await inspectBundle(source)).statement, (await signBundle(source, first)).statement);
  }
  t.equal(new Set(statements).size, 1);
});

t.test("signing and building give the same archive in either order", async (t) => {
  const folder = t.testdir();
  const directory = copyDigits(join(folder, "digits"));
  const [late, early] = [join(folder, "late.tar"), join(folder, "early.tar")];
  await buildArchive(await openBundleSource(directory), late);
  const { path } = await signBundle(await openBundleSource(late), first);
  // ECDSA gives another signature each time: the directory gets the archive's.
  const signatures = (await readArchive((await openBundleSource(late)).stream())).signatureFiles;
  await signBundle(await openBundleSource(directory), first);
  writeFileSync(join(directory, path), signatures.get(path) ?? "");
  await buildArchive(await openBundleSource(directory), early);
  t.same(readFileSync(early), readFileSync(late));
  t.equal((await verified(late, 1)).name, "digits");
  t.same(readdirSync(folder).sort(), ["digits", "early.tar", "late.tar"], "nothing unfinished is left");
});

t.test("a signature over files that have changed since is removed: it would get the bundle refused", async (t) => {
  const directory = copyDigits(join(t.testdir(), "digits"));
  const source = await openBundleSource(directory);
  const former = await signBundle(source, first);
  appendFileSync(join(directory, "golden.json"), "\n");
  await t.rejects(verified(directory, 1), { code: "bundle-file-digest" });
  const { stale } = await signBundle(source, second);
  t.same(stale, [former.path]);
  t.equal((await verified(directory, 1)).name, "digits");
});

t.test("what another tool signed is signed again byte for byte, so that the signatures add up", async (t) => {
  const directory = copyDigits(join(t.testdir(), "digits"));
  const source = await openBundleSource(directory);
  await signBundle(source, first);
  const files = await hashDirectory(directory, { ignore: UNSIGNED_PATHS, filesMax: 100 });
  const other = modelStatement("a-name-of-their-own", files);
  writeFileSync(join(directory, ".oms", `${first.publicKey.hint}.sig`), await signStatement(other, first));
  renameSync(join(directory, ".oms", `${first.publicKey.hint}.sig`), join(directory, ".oms", "hsm.sig"));
  const { kept, stale } = await signBundle(source, second);
  t.same(kept, [".oms/hsm.sig"]);
  t.same(stale, []);
  t.equal((await verified(directory, 2)).name, "digits");
});

t.test("a directory that no device could use is not signed", async (t) => {
  const directory = copyDigits(join(t.testdir(), "digits"));
  writeFileSync(join(directory, "labels.txt"), "zero\n");
  await t.rejects(signBundle(await openBundleSource(directory), first), { code: "bad-bundle" });
  t.notOk(readdirSync(directory).includes(".oms"));
});

t.test("an archive that cannot be read is left as it is", async (t) => {
  const path = join(t.testdir(), "odd.tar");
  const bytes = await tarOf({ name: "../model.json", content: "{}" });
  writeFileSync(path, bytes);
  await t.rejects(signBundle(await openBundleSource(path), first), { code: "archive-malformed" });
  t.same(readFileSync(path), bytes);
});

t.test("an archive is not built into its own directory, nor from an archive", async (t) => {
  const folder = t.testdir();
  const directory = copyDigits(join(folder, "digits"));
  await t.rejects(buildArchive(await openBundleSource(directory), join(directory, "a.tar")), { code: "bad-output" });
  await buildArchive(await openBundleSource(directory), join(folder, "a.tar"));
  await t.rejects(buildArchive(await openBundleSource(join(folder, "a.tar"))), { code: "not-a-directory" });
  await t.rejects(openBundleSource(join(folder, "none")), { code: "not-found" });
});

t.test("what a controller would refuse is noticed before it is sent", async (t) => {
  const directory = copyDigits(join(t.testdir(), "digits"));
  const source = await openBundleSource(directory);
  await t.rejects(preparePush(source), { code: "publisher-signature" });
  const { statement } = await signBundle(source, first);
  const prepared = await preparePush(source);
  t.equal(prepared.statement, statement);
  let sentBytes = 0;
  for await (const bytes of prepared.stream()) sentBytes += bytes.byteLength;
  t.equal(prepared.lengthBytes, sentBytes);
  writeFileSync(join(directory, "notes.txt"), "x");
  await t.rejects(preparePush(source), { code: "bundle-unlisted-file", message: /notes\.txt/ });
});
