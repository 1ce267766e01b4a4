/** One executable of a bundle, by `pkg`: Node.js with the bundle and its files within. */
import { chmod, copyFile, mkdir, writeFile } from "node:fs/promises";
import { arch } from "node:os";
import { join } from "node:path";
import pkg from "pkg/lib-es5/sea.js";
import { NODE, nodePackage } from "./node-binary.ts";
import { ARCHITECTURES, type Architecture } from "./program-json.ts";

export interface ExecutableSource {
  /** A CommonJS file. */
  readonly main: string;
  /** Within the executable, by the names under which the program asks for them. */
  readonly files: Readonly<Record<string, string>>;
}

/** Options of Node.js that hold for the program and for each process that it starts of itself; see `scripts/ferry-agent`. */
const NODE_OPTIONS = ["--max-semi-space-size=2", "--disable-warning=ExperimentalWarning"];

/** `cache`: a folder that is kept from one build to the next. */
export async function makeExecutable(
  { main, files }: ExecutableSource,
  architecture: Architecture,
  output: string,
  cache: string,
): Promise<void> {
  const home = await offlineHome(architecture, cache);
  const { HOME } = process.env;
  process.env["HOME"] = home;
  try {
    await pkg.default(main, {
      targets: [{ nodeRange: `node${NODE.version}`, platform: "linux", arch: architecture, output }],
      // pkg hands the whole of it to Node.js, which knows more of it than pkg's types do.
      seaConfig: Object.assign(
        { disableExperimentalSEAWarning: true, useSnapshot: false, useCodeCache: false, assets: { ...files } },
        { execArgv: NODE_OPTIONS },
      ),
    });
  } finally {
    if (HOME === undefined) delete process.env["HOME"];
    else process.env["HOME"] = HOME;
  }
  await chmod(output, 0o755);
}

/**
 * pkg downloads Node.js from its makers' site unless its cache in the home folder says that it has done so: here that is a
 * home folder of our own, with npm's Node.js in it. The machine's own is needed too: it writes what goes into the other.
 */
async function offlineHome(architecture: Architecture, cache: string): Promise<string> {
  const home = join(cache, "pkg-home");
  const own = ARCHITECTURES.find((known) => known === arch());
  if (own === undefined) throw new Error(`executables are built on ${ARCHITECTURES.join(" or ")}; this is ${arch()}`);
  for (const needed of new Set([own, architecture])) {
    const downloads = join(home, ".pkg-cache", "sea");
    const name = `node-v${NODE.version}-linux-${needed}`;
    const node = join(downloads, name, "bin", "node");
    await mkdir(join(downloads, name, "bin"), { recursive: true });
    await copyFile(join(await nodePackage(needed, cache), "bin", "node"), node);
    await chmod(node, 0o755);
    const marks = [`${node}.ok`, join(downloads, `${name}.tar.gz`), join(downloads, `${name}.tar.gz.ok`)];
    for (const mark of marks) await writeFile(mark, "");
  }
  return home;
}
