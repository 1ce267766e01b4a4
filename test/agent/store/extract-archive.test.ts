import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import t, { type Test } from "tap";
import { tarOf } from "../../support/bundles.ts";
import { extractArchive } from "../../../agent/store/extract-archive.ts";

type Entries = Parameters<typeof tarOf>;

async function archiveOf(t: Test, ...entries: Entries): Promise<string> {
  const path = join(t.testdir(), "bundle.tar");
  writeFileSync(path, await tarOf(...entries));
  return path;
}

function stagingBeside(archive: string): string {
  const directory = join(archive, "..", "staging");
  mkdirSync(directory);
  return directory;
}

const { signal } = new AbortController();

t.test("regular files are written below the directory, with what they hold", async (t) => {
  const archive = await archiveOf(
    t,
    { name: "model.json", content: "{}" },
    { name: "golden/a/b.bin", content: "deep" },
    { name: ".oms/key.sig", content: "" },
  );
  const staging = stagingBeside(archive);
  await extractArchive(archive, staging, signal);
  t.equal(readFileSync(join(staging, "model.json"), "utf8"), "{}");
  t.equal(readFileSync(join(staging, "golden/a/b.bin"), "utf8"), "deep");
  t.equal(readFileSync(join(staging, ".oms/key.sig"), "utf8"), "");
});

const attacks: readonly { readonly what: string; readonly entries: Entries }[] = [
  { what: "a name that climbs out", entries: [{ name: "../outside", content: "x" }] },
  { what: "a name that climbs out from within", entries: [{ name: "golden/../../outside", content: "x" }] },
  { what: "an absolute name", entries: [{ name: "/tmp/outside", content: "x" }] },
  { what: "a backslash, which is a separator elsewhere", entries: [{ name: "..\\outside", content: "x" }] },
  { what: "a control character", entries: [{ name: "model\u0007.json", content: "x" }] },
  { what: "a symbolic link", entries: [{ name: "link", type: "symlink", linkname: "/etc/passwd" }] },
  {
    what: "a file through a link",
    entries: [
      { name: "d", type: "symlink", linkname: "/tmp" },
      { name: "d/outside", content: "x" },
    ],
  },
  {
    what: "a hard link",
    entries: [
      { name: "model.json", content: "x" },
      { name: "twin", type: "link", linkname: "model.json" },
    ],
  },
  { what: "a device node", entries: [{ name: "disk", type: "block-device", devmajor: 8, devminor: 0 }] },
  { what: "a pipe", entries: [{ name: "pipe", type: "fifo" }] },
  { what: "a directory", entries: [{ name: "golden", type: "directory" }] },
  {
    what: "one name twice",
    entries: [
      { name: "model.json", content: "x" },
      { name: "model.json", content: "x" },
    ],
  },
  {
    what: "two names that are one where case is ignored",
    entries: [
      { name: "model.json", content: "x" },
      { name: "MODEL.json", content: "x" },
    ],
  },
  {
    what: "one name for a file and a directory",
    entries: [
      { name: "a", content: "x" },
      { name: "a/b", content: "x" },
    ],
  },
  {
    what: "more files than a bundle may hold",
    entries: Array.from({ length: 10_018 }, (_, at) => ({ name: `f${String(at)}`, content: "" })),
  },
];

for (const { what, entries } of attacks) {
  t.test(`an archive with ${what} is refused, and nothing appears outside`, async (t) => {
    const archive = await archiveOf(t, ...entries);
    const staging = stagingBeside(archive);
    await t.rejects(extractArchive(archive, staging, signal), { name: "BundleRefused", code: "archive-malformed" });
    t.notOk(existsSync("/tmp/outside"));
    t.strictSame(readdirSync(join(staging, "..")).sort(), ["bundle.tar", "staging"]);
  });
}

t.test("a file that claims more than any bundle may hold is refused before it is read", async (t) => {
  const archive = await archiveOf(t, { name: "model.onnx", content: "x" });
  const bytes = readFileSync(archive);
  // The size field of the first header, in octal: 64 GiB minus one.
  bytes.write("777777777777", 124, "latin1");
  bytes.write("        ", 148, "latin1");
  const sum = bytes.subarray(0, 512).reduce((total, byte) => total + byte, 0);
  bytes.write(`${sum.toString(8).padStart(6, "0")}\0 `, 148, "latin1");
  writeFileSync(archive, bytes);
  const staging = stagingBeside(archive);
  await t.rejects(extractArchive(archive, staging, signal), { code: "archive-malformed", message: /more than/ });
});

t.test("bytes that are no archive, and an archive that ends too soon, are refused", async (t) => {
  const archive = await archiveOf(t, { name: "model.onnx", content: "y".repeat(5_000) });
  const staging = stagingBeside(archive);
  const whole = readFileSync(archive);
  writeFileSync(archive, whole.subarray(0, 3_000));
  await t.rejects(extractArchive(archive, staging, signal), { code: "archive-malformed" });
  writeFileSync(archive, Buffer.alloc(2_000, "no tar"));
  await t.rejects(extractArchive(archive, staging, signal), { code: "archive-malformed" });
});

t.test("an extraction that is told to stop stops, and says so", async (t) => {
  const archive = await archiveOf(t, { name: "model.onnx", content: "x" });
  await t.rejects(extractArchive(archive, stagingBeside(archive), AbortSignal.abort()), {
    name: "AbortError",
  });
});
