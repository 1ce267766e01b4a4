/** `npm run package`: builds the executables of both programs into `dist/`. See firmware-images/README.md. */
import { copyFile, mkdir, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { join, relative } from "node:path";
import { parseArgs } from "node:util";
import { programBill, projectBill, type BuiltFile } from "./bill-of-materials.ts";
import { bundle } from "./bundle.ts";
import { bundledPackages, licenceTexts } from "./bundled-packages.ts";
import { makeExecutable } from "./make-executable.ts";
import { nativeDigests, nativeParts, packageVersion, sha256Of } from "./native-parts.ts";
import { nodePackage } from "./node-binary.ts";
import { ARCHITECTURES, type Architecture, type ProgramJson } from "./program-json.ts";

const root = join(import.meta.dirname, "..", "..");
/** Kept between builds: Node.js for each machine, and the bundles. */
const work = join(root, "build", "executable");

/** What each program reads at run time beside its code, by the names under which it asks for it. */
const DECODERS = ["@jsquash/jpeg/codec/dec/mozjpeg_dec.wasm", "@jsquash/png/codec/pkg/squoosh_png_bg.wasm"];
const PROGRAMS = [
  {
    name: "ferry-agent",
    entry: "firmware-images/executable/packaged/ferry-agent-main.ts",
    files: [
      "agent/serve/page/page.css",
      "agent/serve/page/page.js",
      "firmware-images/deb/ferry-agent/ferry-agent",
      "firmware-images/deb/ferry-agent/ferry-agent.service",
      ...DECODERS,
    ],
  },
  { name: "ferry", entry: "firmware-images/executable/packaged/ferry-main.ts", files: DECODERS },
] as const;

const USAGE = `scripts/package [--arch x64|arm64] [--program ferry-agent|ferry] [--version MAJOR.MINOR.PATCH] [--out FOLDER]

  Builds ferry-agent and ferry for Linux into FOLDER/linux-ARCH/ (dist/), for both machines unless told otherwise.
  Each is a folder that may be moved as a whole: the executable, and native/ with the libraries that it loads.
`;

interface Build {
  readonly programs: readonly (typeof PROGRAMS)[number][];
  readonly architectures: readonly Architecture[];
  readonly version: string;
  readonly dist: string;
}

await buildAll(await wanted());

async function wanted(): Promise<Build> {
  try {
    const { values } = parseArgs({
      options: {
        arch: { type: "string" },
        program: { type: "string" },
        version: { type: "string" },
        out: { type: "string" },
      },
    });
    const architectures = ARCHITECTURES.filter((known) => values.arch === undefined || values.arch === known);
    if (architectures.length === 0) throw new Error(`--arch is x64 or arm64, not ${String(values.arch)}`);
    const programs = PROGRAMS.filter(({ name }) => values.program === undefined || values.program === name);
    if (programs.length === 0) throw new Error(`--program is ferry-agent or ferry, not ${String(values.program)}`);
    const version = values.version ?? (await ownVersion());
    if (!/^\d+\.\d+\.\d+$/.test(version)) throw new Error(`--version is like 1.4.0, not ${version}`);
    return { programs, architectures, version, dist: values.out ?? join(root, "dist") };
  } catch (error) {
    process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n\n${USAGE}`);
    process.exit(2);
  }
}

async function buildAll({ programs, architectures, version, dist }: Build): Promise<void> {
  await mkdir(work, { recursive: true });
  const program: ProgramJson = {
    version,
    onnxruntime: packageVersion("onnxruntime-node"),
    native: { x64: nativeDigests("x64"), arm64: nativeDigests("arm64") },
  };
  const programJson = join(work, "program.json");
  await writeFile(programJson, JSON.stringify(program));
  const project = projectBill(root);
  for (const { name, entry, files } of programs) {
    const { file: main, inputs } = await bundle(entry, join(work, `${name}.cjs`));
    const source = { main, files: { "program.json": programJson, ...pathsOf(files) } };
    const packages = bundledPackages(root, inputs);
    for (const architecture of architectures) {
      const folder = join(dist, `linux-${architecture}`, name);
      await rm(folder, { recursive: true, force: true });
      await mkdir(join(folder, "native"), { recursive: true });
      await makeExecutable(source, architecture, join(folder, name), work);
      for (const [library, path] of Object.entries(nativeParts(architecture)))
        await copyFile(path, join(folder, "native", library));
      await copyFile(join(root, "LICENSE"), join(folder, "LICENSE"));
      const nodeLicence = join(await nodePackage(architecture, work), "LICENSE");
      await writeFile(join(folder, "THIRD-PARTY-LICENSES"), licenceTexts(packages, nodeLicence));
      const built = await filesBelow(folder);
      const bill = programBill(project, { name, version, architecture, packages, files: built });
      await writeFile(join(folder, "sbom.cdx.json"), `${JSON.stringify(bill, undefined, 2)}\n`);
      await writeFile(join(folder, "SHA256SUMS"), sums(await filesBelow(folder)));
      process.stderr.write(`${name} ${version} for linux-${architecture}: ${relative(process.cwd(), folder)}\n`);
    }
  }
}

function pathsOf(files: readonly string[]): Record<string, string> {
  const { resolve } = createRequire(import.meta.url);
  return Object.fromEntries(files.map((name) => [name, name.startsWith("@") ? resolve(name) : join(root, name)]));
}

async function ownVersion(): Promise<string> {
  return (JSON.parse(await readFile(join(root, "package.json"), "utf8")) as { version: string }).version;
}

async function filesBelow(folder: string): Promise<BuiltFile[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  const paths = entries
    .filter((entry) => entry.isFile())
    .map((entry) => relative(folder, join(entry.parentPath, entry.name)));
  return paths.sort().map((path) => ({ path, sha256: sha256Of(join(folder, path)) }));
}

/** As `sha256sum --check` reads it. */
function sums(files: readonly BuiltFile[]): string {
  return files.map(({ path, sha256 }) => `${sha256}  ${path}\n`).join("");
}
