import t from "tap";
import { readArchive } from "../../../controller/bundles/read-archive.ts";
import { FerryError } from "../../../common/ferry-error.ts";
import { MODEL_JSON_BYTES_MAX, SIGNATURE_FILE_BYTES_MAX, SIGNATURES_MAX } from "../../../protocol/limits.ts";
import { sha256 } from "../../../protocol/trust/digest.ts";
import { inPieces, tarOf } from "../../support/bundles.ts";

t.test("one pass gives the digest of every file, the signatures and the description", async (t) => {
  const long = `${"d".repeat(90)}/${"e".repeat(90)}/${"f".repeat(90)}/weights-ä.bin`;
  const archive = await tarOf(
    { name: ".oms/key.sig", content: "signature" },
    { name: "empty", content: "" },
    { name: "model.json", content: "{}" },
    { name: long, content: "weights" },
  );
  for (const pieceBytes of [1, 511, 512, 10_000]) {
    const { files, signatureFiles, modelJson } = await readArchive(inPieces(archive, pieceBytes));
    t.same(
      [...files],
      [
        ["empty", { sha256: sha256(""), sizeBytes: 0 }],
        ["model.json", { sha256: sha256("{}"), sizeBytes: 2 }],
        [long, { sha256: sha256("weights"), sizeBytes: 7 }],
      ],
    );
    t.same([...signatureFiles], [[".oms/key.sig", Buffer.from("signature")]]);
    t.same(modelJson, Buffer.from("{}"));
  }
});

t.test("an archive that no device should unpack is refused as `archive-malformed`", async (t) => {
  const file = (name: string, content = "x") => ({ name, content });
  const signatures = Array.from({ length: SIGNATURES_MAX + 1 }, (_, at) => file(`.oms/${at}.sig`));
  const whole = await tarOf(file("model.json"), file("model.onnx", "x".repeat(2_000)));
  const damaged = Buffer.from(whole);
  damaged.write("damage", 10);
  const cases = [
    { why: "not a tar", archive: Buffer.alloc(2_048, "x") },
    { why: "a gzipped tar", archive: Buffer.from([0x1f, 0x8b, ...Buffer.alloc(1_022)]) },
    { why: "cut off in a file", archive: whole.subarray(0, 2_000) },
    { why: "cut off in a header", archive: whole.subarray(0, 1_100) },
    { why: "a damaged header", archive: damaged },
    { why: "a symbolic link", archive: await tarOf({ name: "a", type: "symlink", linkname: "/etc/passwd" }) },
    { why: "a hard link", archive: await tarOf({ name: "a", type: "link", linkname: "/etc/passwd" }) },
    { why: "a device", archive: await tarOf({ name: "a", type: "character-device", devmajor: 1, devminor: 8 }) },
    { why: "a named pipe", archive: await tarOf({ name: "a", type: "fifo" }) },
    { why: "a directory", archive: await tarOf({ name: "a/", type: "directory" }) },
    { why: "a path that leads out", archive: await tarOf(file("../a")) },
    { why: "a path that leads out from within", archive: await tarOf(file("a/../../b")) },
    { why: "an absolute path", archive: await tarOf(file("/a")) },
    { why: "a path from here", archive: await tarOf(file("./a")) },
    { why: "a backslash", archive: await tarOf(file("a\\b")) },
    { why: "a line break", archive: await tarOf(file("a\nb")) },
    { why: "one name twice", archive: await tarOf(file("a"), file("b"), file("a")) },
    { why: "names that one file system takes for the same", archive: await tarOf(file("Model"), file("model")) },
    { why: "something else in the signature folder", archive: await tarOf(file(".oms/run.sh")) },
    { why: "a folder in the signature folder", archive: await tarOf(file(".oms/a/b.sig")) },
    { why: "too many signatures", archive: await tarOf(...signatures) },
    {
      why: "an oversize signature",
      archive: await tarOf(file(".oms/a.sig", "x".repeat(SIGNATURE_FILE_BYTES_MAX + 1))),
    },
    { why: "an oversize description", archive: await tarOf(file("model.json", "x".repeat(MODEL_JSON_BYTES_MAX + 1))) },
    { why: "a file after the end mark", archive: Buffer.concat([whole, await tarOf(file("model.json"))]) },
  ];
  for (const { why, archive } of cases) {
    await t.rejects(readArchive(inPieces(archive)), { name: "BundleRefused", code: "archive-malformed" }, why);
  }
});

t.test("a size that no bundle has is refused from the header, before any byte of it comes", async (t) => {
  const archive = await tarOf({ name: "model.onnx", content: "x" });
  // Base-256 size, as GNU tar writes beyond 8 GiB: 2^40 bytes.
  archive.fill(0, 124, 136);
  archive[124] = 0x80;
  archive[130] = 1;
  let sum = 8 * 32;
  for (let at = 0; at < 512; at += 1) if (at < 148 || at >= 156) sum += archive[at] ?? 0;
  archive.write(`${sum.toString(8).padStart(6, "0")}\0 `, 148);
  await t.rejects(readArchive(inPieces(archive)), { code: "archive-malformed", message: /more than 4294967296 bytes/ });
});

t.test("what the source throws reaches the caller as it is, and the source is let go", async (t) => {
  const archive = await tarOf({ name: "model.onnx", content: "x".repeat(10_000) });
  const broken = new FerryError("connection-lost", "The connection was lost");
  async function* breaking() {
    yield* inPieces(archive.subarray(0, 3_000));
    throw broken;
  }
  await t.rejects(readArchive(breaking()), broken);

  let isLetGo = false;
  async function* endless() {
    try {
      yield* inPieces(await tarOf({ name: "../out", content: "x" }));
      for (;;) yield await Promise.resolve(Buffer.alloc(512));
    } finally {
      isLetGo = true;
    }
  }
  await t.rejects(readArchive(endless()), { code: "archive-malformed" });
  t.ok(isLetGo);
});
