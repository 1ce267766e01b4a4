import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { once } from "node:events";
import { linkSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, truncateSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import t from "tap";
import { hashDirectory, hashFile, listFiles, readRegularFile } from "../../common/hash-directory.ts";

const RULES = { filesMax: 100 };
const sha256 = (text: string) => createHash("sha256").update(text).digest("hex");

t.test("every file is hashed, listed in byte order, ignored paths left out with all below them", async (t) => {
  const directory = t.testdir({
    b: "2",
    "a-b": "3",
    a: { z: "1", ".hidden": "4" },
    Z: "5",
    é: "6",
    ".git": { config: "x", objects: { "0": "y" } },
    gone: { model: "x" },
    empty: {},
  });
  const files = await hashDirectory(directory, { ...RULES, ignore: [".git", "gone"] });
  t.same([...files.keys()], ["Z", "a-b", "a/.hidden", "a/z", "b", "é"]);
  t.same(files.get("a/z"), { sha256: sha256("1"), sizeBytes: 1 });
});

t.test("links and devices are refused by name, wherever they lie", async (t) => {
  const make = {
    "a symbolic link to a file": (path: string) => {
      symlinkSync("/etc/hostname", path);
    },
    "a symbolic link to a directory": (path: string) => {
      symlinkSync("..", path);
    },
    "a dangling link": (path: string) => {
      symlinkSync("nowhere", path);
    },
    "a named pipe": (path: string) => {
      execFileSync("mkfifo", [path]);
    },
  };
  for (const [what, makeIt] of Object.entries(make)) {
    const directory = t.testdir({ model: "x", deep: {} });
    const path = join(directory, "deep", "odd");
    makeIt(path);
    await t.rejects(hashDirectory(directory, RULES), { code: "irregular-file", message: new RegExp(path) }, what);
    // Whatever the directory said a moment ago, the file itself is asked again.
    await t.rejects(hashFile(path), { code: "irregular-file" }, what);
  }
  // The path of a socket has at most 107 bytes: too few for a test's own directory.
  const directory = mkdtempSync(join(tmpdir(), "ferry-"));
  const server = createServer().listen(join(directory, "socket"));
  await once(server, "listening");
  await t.rejects(hashDirectory(directory, RULES), { code: "irregular-file" }, "a socket");
  server.close();
  rmSync(directory, { recursive: true });
});

t.test("a hard link is a file like any other", async (t) => {
  const directory = t.testdir({ one: "x" });
  linkSync(join(directory, "one"), join(directory, "two"));
  t.equal((await hashDirectory(directory, RULES)).size, 2);
});

t.test("what cannot be listed is said", async (t) => {
  const directory = t.testdir({ file: "x" });
  await t.rejects(listFiles(join(directory, "missing"), RULES), { code: "not-found" });
  await t.rejects(listFiles(join(directory, "file"), RULES), { code: "not-found" });
  mkdirSync(join(directory, "many"));
  for (let at = 0; at < 5; at += 1) writeFileSync(join(directory, "many", String(at)), "");
  await t.rejects(listFiles(directory, { filesMax: 5 }), { code: "too-many-files" });
});

t.test("a name that is not UTF-8 is refused: it could not be signed", async (t) => {
  const directory = t.testdir();
  writeFileSync(Buffer.concat([Buffer.from(`${directory}/bad-`), Buffer.from([0xff])]), "x");
  await t.rejects(listFiles(directory, RULES), { code: "irregular-file", message: /UTF-8/ });
});

t.test("a large file is read in pieces of constant size", async (t) => {
  const path = join(t.testdir({ model: "" }), "model");
  const sizeBytes = 64 * 1024 ** 2;
  // Sparse: reading it costs no disk.
  truncateSync(path, sizeBytes);
  t.equal((await hashFile(path)).sizeBytes, sizeBytes);
  let largest = 0;
  for await (const piece of readRegularFile(path)) largest = Math.max(largest, piece.byteLength);
  t.ok(largest <= 65_536, String(largest));
});
