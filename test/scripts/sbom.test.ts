import t from "tap";
import { execFileSync } from "node:child_process";
import { cpSync, mkdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

interface Bill {
  readonly serialNumber: string;
  readonly metadata: { readonly component: { readonly name: string } };
  readonly components: readonly {
    readonly "bom-ref": string;
    readonly hashes: readonly unknown[];
    readonly licenses?: readonly unknown[];
  }[];
}

interface LockedPackage {
  readonly version: string;
  readonly dev?: boolean;
}

const sbom = (folder = ".") => execFileSync(process.execPath, ["scripts/sbom.ts"], { encoding: "utf8", cwd: folder });
const text = sbom();
const bill = JSON.parse(text) as Bill;
const named = new Set(bill.components.map((component) => component["bom-ref"]));
const lock = JSON.parse(readFileSync("package-lock.json", "utf8")) as {
  readonly packages: Readonly<Record<string, LockedPackage>>;
};
const locked = Object.entries(lock.packages)
  .filter(([path]) => path !== "")
  .map(([path, { version, dev }]) => ({
    ref: `${path.replace(/^.*node_modules\//, "")}@${version}`,
    isDev: dev === true,
  }));

t.test("every package that runs is named, with its digest", async (t) => {
  const runtime = locked.filter(({ isDev }) => !isDev).map(({ ref }) => ref);
  t.same(
    [...new Set(runtime)].filter((ref) => !named.has(ref)),
    [],
  );
  t.same(
    bill.components.filter(({ hashes }) => hashes.length === 0),
    [],
  );
});

t.test("no package is named that only development needs", async (t) => {
  const runtime = new Set(locked.filter(({ isDev }) => !isDev).map(({ ref }) => ref));
  t.same(
    [...named].filter((ref) => !runtime.has(ref)),
    [],
  );
  t.notOk([...named].some((ref) => /^(tap|typescript|eslint|prettier)@/.test(ref)));
});

t.test("it tells nothing of the machine on which it was made: another folder gives the same bytes", async (t) => {
  const folder = join(t.testdir(), "elsewhere");
  mkdirSync(join(folder, "scripts"), { recursive: true });
  for (const file of ["package.json", "package-lock.json", ".npmrc", "scripts/sbom.ts"])
    cpSync(file, join(folder, file));
  t.equal(sbom(folder), text);
  t.equal(bill.metadata.component.name, "modelferry");
  t.match(bill.serialNumber, /^urn:uuid:[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
  t.notMatch(text, /"(file|https?):\/\/(?!cyclonedx\.org)/);
  t.notMatch(text, new RegExp(process.cwd()));
});
