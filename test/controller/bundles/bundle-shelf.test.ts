import { execFileSync, spawnSync } from "node:child_process";
import { existsSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import t, { type Test } from "tap";
import { openShelf } from "../../../controller/bundles/bundle-shelf.ts";
import { CHUNK_BYTES } from "../../../protocol/limits.ts";
import { sha256 } from "../../../protocol/trust/digest.ts";
import { signStatement } from "../../../protocol/trust/signature-file.ts";
import { modelStatement } from "../../../protocol/trust/model-statement.ts";
import { inPieces, publisherRole, signedDigits, tarOf } from "../../support/bundles.ts";
import { newSigner } from "../../support/keys.ts";

const publisher = newSigner();
const role = publisherRole(1, publisher);

async function shelfIn(t: Test) {
  const folder = t.testdir();
  const directory = join(folder, "bundles");
  return { folder, directory, shelf: await openShelf(directory) };
}

/** Files as a signed archive, whatever they are: what a publisher could sign by mistake. */
async function signedTar(files: Readonly<Record<string, string | Buffer>>, name = "odd-1.0.0"): Promise<Buffer> {
  const entries = Object.entries(files);
  const listing = entries.map(([path, content]): [string, { sha256: string }] => [path, { sha256: sha256(content) }]);
  const signature = await signStatement(modelStatement(name, listing), publisher);
  return tarOf(
    { name: ".oms/publisher.sig", content: signature },
    ...entries.map(([path, content]) => ({ name: path, content })),
  );
}

const description = (file: string) =>
  JSON.stringify({
    formatVersion: 1,
    name: "odd",
    version: "1.0.0",
    release: 1,
    rollbackIndex: 0,
    file,
    inputs: [{ name: "x", datatype: "FP32", shape: [1] }],
    outputs: [{ name: "y", datatype: "FP32", shape: [1] }],
    golden: "golden.json",
    compatible: ["*"],
  });

t.test("a signed bundle is shelved under its digest, and its chunks can be read in any order", async (t) => {
  const { directory, shelf } = await shelfIn(t);
  // Beyond one chunk, and not a multiple of one.
  const weights = Buffer.alloc(150_000, 3);
  const bytes = await signedTar({ "golden.json": "{}", "model.json": description("m"), m: weights });
  const shelved = await shelf.accept(inPieces(bytes, 7_777), { publisher: role });
  t.equal(shelved.name, "odd");
  t.equal(shelved.version, "1.0.0");
  t.equal(shelved.modelJson.file, "m");
  t.equal(shelved.archive.sha256, sha256(bytes));
  t.equal(shelved.archive.length, bytes.byteLength);
  t.same(readdirSync(directory).sort(), [`${sha256(bytes)}.chunks`, `${sha256(bytes)}.tar`]);

  await using archive = await shelf.openArchive(shelved.archive.sha256);
  if (archive === undefined) throw new Error("it is not on the shelf");
  t.same(archive.archive, shelved.archive);
  const digests = Buffer.from(archive.chunkDigests);
  t.equal(sha256(digests), shelved.archive.chunkList);
  const chunks = Math.ceil(bytes.byteLength / CHUNK_BYTES);
  t.equal(digests.byteLength, 32 * chunks);
  for (const index of [2, 0, 1]) {
    const chunk = await archive.read(index);
    t.same(chunk, bytes.subarray(index * CHUNK_BYTES, (index + 1) * CHUNK_BYTES), `chunk ${index}`);
    t.equal(sha256(chunk), digests.subarray(32 * index, 32 * index + 32).toString("hex"));
  }
  for (const index of [-1, chunks, 0.5]) await t.rejects(archive.read(index), RangeError, String(index));
});

t.test(
  "the same archive again changes nothing; a second publisher's signature makes another archive of it",
  async (t) => {
    const { folder, directory, shelf } = await shelfIn(t);
    const second = newSigner();
    const { archive } = await signedDigits(join(folder, "one"), publisher);
    const once = await shelf.accept(inPieces(archive), { publisher: role });
    t.same(await shelf.accept(inPieces(archive), { publisher: role }), once);
    t.equal(readdirSync(directory).length, 2);
    const both = await signedDigits(join(folder, "both"), publisher, second);
    const again = await shelf.accept(inPieces(both.archive), { publisher: publisherRole(2, publisher, second) });
    t.equal(again.statement, once.statement, "it is the same bundle");
    t.not(again.archive.sha256, once.archive.sha256);
  },
);

t.test("what no device would take is refused, and nothing of it stays", async (t) => {
  const { folder, directory, shelf } = await shelfIn(t);
  const good = await signedDigits(join(folder, "digits"), publisher);
  const flipped = Buffer.from(good.archive);
  const at = flipped.indexOf("pixels", flipped.indexOf("model.onnx\0"));
  flipped[at] = 0x50;
  const stranger = await signedDigits(join(folder, "stranger"), newSigner());
  const extra = Buffer.concat([
    good.archive.subarray(0, good.archive.byteLength - 1_024),
    await tarOf({ name: "run.sh", content: "x" }),
  ]);
  const cases = [
    { why: "a flipped byte", archive: flipped, code: "bundle-file-digest" },
    { why: "a stranger's signature", archive: stranger.archive, code: "publisher-signature" },
    { why: "no signature", archive: await tarOf({ name: "model.json", content: "{}" }), code: "publisher-signature" },
    { why: "an unsigned file", archive: extra, code: "bundle-unlisted-file" },
    { why: "a transfer cut off", archive: good.archive.subarray(0, 9_000), code: "archive-malformed" },
    { why: "not an archive", archive: Buffer.alloc(9_000, "x"), code: "archive-malformed" },
    { why: "no description", archive: await signedTar({ m: "x" }), code: "bundle-malformed" },
    { why: "a description of nothing", archive: await signedTar({ "model.json": "{}" }), code: "bundle-malformed" },
    {
      why: "a description of a file that is not there",
      archive: await signedTar({ "model.json": description("m"), "golden.json": "{}" }),
      code: "bundle-malformed",
    },
  ];
  for (const { why, archive, code } of cases) {
    await t.rejects(shelf.accept(inPieces(archive), { publisher: role }), { name: "BundleRefused", code }, why);
    t.same(readdirSync(directory), [], why);
  }
});

t.test("a sender that goes away leaves nothing, and what a crash left is cleared", async (t) => {
  const { folder, directory, shelf } = await shelfIn(t);
  const { archive } = await signedDigits(join(folder, "digits"), publisher);
  async function* goingAway() {
    yield* inPieces(archive.subarray(0, 8_000));
    throw new Error("gone");
  }
  await t.rejects(shelf.accept(goingAway(), { publisher: role }), { message: "gone" });
  t.same(readdirSync(directory), []);
  writeFileSync(join(directory, "x.part"), "half");
  await openShelf(directory);
  t.same(readdirSync(directory), []);
});

t.test("a removed archive is not found; a transfer that has it open reads on", async (t) => {
  const { folder, directory, shelf } = await shelfIn(t);
  const { archive: bytes } = await signedDigits(join(folder, "digits"), publisher);
  const { archive } = await shelf.accept(inPieces(bytes), { publisher: role });
  await using open = await shelf.openArchive(archive.sha256);
  await shelf.remove(archive.sha256);
  t.same(readdirSync(directory), []);
  t.equal(await shelf.openArchive(archive.sha256), undefined);
  t.same(await open?.read(0), bytes.subarray(0, CHUNK_BYTES));
  await shelf.remove(archive.sha256);
});

/** A file system of its own, so that a disk can be filled: needs user namespaces. */
const canMount = spawnSync("unshare", ["-rm", "mount", "-t", "tmpfs", "tmpfs", "/mnt"]).status === 0;

t.test(
  "a full disk is said, and nothing half stays on it",
  { skip: canMount ? false : "no user namespaces here" },
  async (t) => {
    const folder = t.testdir();
    const files = { "golden.json": "{}", "model.json": description("m"), m: Buffer.alloc(4_000_000) };
    const archive = join(folder, "large.tar");
    writeFileSync(archive, await signedTar(files));
    const script = join(folder, "accept.ts");
    const at = (path: string) => new URL(`../../../${path}`, import.meta.url).pathname;
    writeFileSync(
      script,
      `import { createReadStream, readdirSync } from "node:fs";
     import { openShelf } from "${at("controller/bundles/bundle-shelf.ts")}";
     import { publicKeyFromPem } from "${at("protocol/trust/keys.ts")}";
     const shelf = await openShelf("/mnt");
     const publisher = { threshold: 1, keys: [publicKeyFromPem(process.argv[3])] };
     const failure = await shelf.accept(createReadStream(process.argv[2]), { publisher }).catch((thrown) => thrown);
     console.log(JSON.stringify({ code: failure.code, hint: failure.hint, left: readdirSync("/mnt") }));`,
    );
    const mount = 'mount -t tmpfs -o size=1m tmpfs /mnt && exec "$@"';
    const command = ["-rm", "sh", "-c", mount, "sh", process.execPath, script, archive, publisher.publicKey.pem];
    const said = JSON.parse(execFileSync("unshare", command, { encoding: "utf8" })) as unknown;
    t.match(said, { code: "disk-full", hint: /Make room/, left: [] });
    t.ok(existsSync(archive));
  },
);
