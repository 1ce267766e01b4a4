import t from "tap";
import { createHash } from "node:crypto";
import { copyFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { nativeLibraries } from "../../../firmware-images/executable/packaged/native-libraries.ts";
import { nativeDigests, nativeParts } from "../../../firmware-images/executable/native-parts.ts";

const sha256 = (text: string) => createHash("sha256").update(text).digest("hex");

t.test("libraries that are what the executable was built with are named with their digests", async (t) => {
  const folder = t.testdir({ "a.node": "one", "b.so": "two" });
  const libraries = nativeLibraries(folder, { "a.node": sha256("one"), "b.so": sha256("two") });
  t.same(libraries.checkAll(), [
    { name: "a.node", sha256: sha256("one") },
    { name: "b.so", sha256: sha256("two") },
  ]);
});

t.test("one that differs is named, with both digests and what to do", async (t) => {
  const folder = t.testdir({ "a.node": "rotten" });
  t.throws(() => nativeLibraries(folder, { "a.node": sha256("one") }).checkAll(), {
    code: "native-library",
    message: `${join(folder, "a.node")} is not what this program was built with: its SHA-256 is ${sha256("rotten")}, not ${sha256("one")}`,
    hint: /install both again/,
  });
});

t.test("one that is missing is named", async (t) => {
  const folder = t.testdir({});
  t.throws(() => nativeLibraries(folder, { "a.node": sha256("one") }).load("a.node"), {
    code: "native-library",
    message: /a\.node cannot be read: ENOENT/,
  });
});

t.test("a library is not loaded when one that it links to differs", async (t) => {
  const architecture = process.arch === "arm64" ? "arm64" : "x64";
  const folder = t.testdir({});
  for (const [name, path] of Object.entries(nativeParts(architecture))) copyFileSync(path, join(folder, name));
  const libraries = nativeLibraries(folder, nativeDigests(architecture));
  t.match(libraries.load("better_sqlite3.node"), { Database: Function });

  writeFileSync(join(folder, "libonnxruntime.so.1"), "rotten");
  t.throws(() => libraries.load("onnxruntime_binding.node"), {
    code: "native-library",
    message: /libonnxruntime\.so\.1 is not what/,
  });
});
