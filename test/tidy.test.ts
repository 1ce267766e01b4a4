/** What no other tool knows about these sources. */
import t from "tap";
import { execFileSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";

/** Every file that git tracks or would track. */
const files = execFileSync("git", ["ls-files", "--cached", "--others", "--exclude-standard"], { encoding: "utf8" })
  .split("\n")
  .filter((path) => path !== "" && existsSync(path));
const sources = files.filter((path) =>
  /^(protocol|agent|controller|common|firmware-images|scripts)\/.*\.ts$/.test(path),
);
const read = (path: string) => readFileSync(path, "utf8");

t.test("topics are built and parsed in one file", async (t) => {
  const others = sources.filter((path) => path !== "protocol/topics.ts" && /["'`]mf1\b/.test(read(path)));
  t.same(others, []);
});

t.test("a package with side effects is imported by one adapter", async (t) => {
  const adapters: Readonly<Record<string, readonly string[]>> = {
    "onnxruntime-node": ["common/onnx-session.ts", "common/onnx-tensor.ts"],
    "better-sqlite3": ["common/sqlite.ts"],
    aedes: ["controller/broker/embedded-broker.ts"],
    pino: ["common/log.ts"],
    "@peculiar/x509": ["common/x509.ts"],
    sharp: ["common/processing/decode/sharp-decoder.ts"],
  };
  for (const [name, allowed] of Object.entries(adapters)) {
    const importers = sources.filter((path) => new RegExp(`(from|import\\()\\s*["']${name}["']`).test(read(path)));
    t.same(
      importers.filter((path) => !allowed.includes(path) && !path.startsWith("scripts/")),
      [],
      name,
    );
  }
});

/** What exists only within an executable, or makes one: `firmware-images/test` runs what they build. */
const SHOWN_BY_EXECUTABLES = ["make-executable.ts", "packaged/begin.ts"].map(
  (file) => `firmware-images/executable/${file}`,
);

/** Files whose behaviour is shown by the tests of what uses them, and files of types alone. */
function needsNoTest(path: string): boolean {
  return (
    SHOWN_BY_EXECUTABLES.includes(path) ||
    path.startsWith("scripts/") ||
    /(^|\/)(main|[a-z-]*-main)\.ts$/.test(path) ||
    !hasRunTimeCode(read(path))
  );
}

/** More than types, schemas and constants: a function of its own. */
function hasRunTimeCode(source: string): boolean {
  return /^export (async )?(function|class)\b/m.test(source);
}

t.test("a source file with run-time code is exercised by a test", async (t) => {
  const tests = files.filter((path) => path.startsWith("test/") && path.endsWith(".ts")).map(read);
  const untested = sources.filter((path) => {
    if (needsNoTest(path) || existsSync(`test/${path.replace(/\.ts$/, ".test.ts")}`)) return false;
    return !tests.some((test) => test.includes(`/${path}"`));
  });
  const reached = untested.filter((path) => !isImportedByTestedFile(path));
  t.same(reached, []);
});

/** A helper that one tested file of the same folder imports is exercised through it. */
function isImportedByTestedFile(path: string): boolean {
  const name = path.slice(path.lastIndexOf("/") + 1);
  return sources.some(
    (other) =>
      other !== path && read(other).includes(`/${name}"`) && existsSync(`test/${other.replace(/\.ts$/, ".test.ts")}`),
  );
}

t.test("README and ARCHITECTURE name only what exists, and no page links into nothing", async (t) => {
  for (const page of [
    "README.md",
    "docs/ARCHITECTURE.md",
    "docs/OPERATING.md",
    "docs/SECURITY.md",
    "docs/SERVING.md",
    "docs/MODELS.md",
    "docs/decisions/README.md",
  ]) {
    const text = read(page);
    const links = [...text.matchAll(/\]\((?!https?:|#)([^)#]+)/g)].map(([, path]) =>
      decodeURI(new URL(path ?? "", `file:///${page}`).pathname.slice(1)),
    );
    t.same(
      links.filter((path) => !existsSync(path)),
      [],
      page,
    );
  }
  for (const page of ["README.md", "docs/ARCHITECTURE.md"]) {
    const named = [
      ...read(page).matchAll(/`((?:protocol|agent|controller|common|test|scripts|examples|docs)\/[A-Za-z0-9_./-]+)`/g),
    ];
    t.same(
      named.map(([, path]) => path ?? "").filter((path) => !existsSync(path)),
      [],
      page,
    );
  }
});

t.test("no absolute path of somebody's machine and no registry address is committed", async (t) => {
  const texts = files.filter(
    (path) =>
      /\.(ts|js|json|md|yml|yaml|sh|py)$|^scripts\/[a-z-]+$|^\.ci\/run$/.test(path) && path !== "test/tidy.test.ts",
  );
  const found = texts.filter((path) => /\/(home|Users|root|work)\/[a-z]|registry\.npmjs|"resolved":/.test(read(path)));
  t.same(found, []);
});
