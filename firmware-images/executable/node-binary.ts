/** Node.js for each machine, from npm's own packages of it, whichever machine this is. */
import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdir, mkdtemp, rename, rm } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { sha256Of } from "./native-parts.ts";
import type { Architecture } from "./program-json.ts";

const run = promisify(execFile);

/** The version is that of `scripts/environment.sh`; a version that npm publishes never changes its bytes. */
export const NODE = {
  version: "24.21.0",
  sha256: {
    x64: "7fde7b8afa198da66257f42ee2001d874c7355631e6d1579a5fb5ef1f246df4c",
    arm64: "0f8949d1028f6d61506b2d5bc57e7e6fe893d7b1997509b7847294fc9c616584",
  },
} as const;

/** The same package, where `scripts/environment.sh` has unpacked it beside the sources. */
const BESIDE_SOURCES = fileURLToPath(new URL("../../.node", import.meta.url));

/** Its package's folder, with `bin/node` and `LICENSE`: in `cache`, downloaded once, unless it is here already. */
export async function nodePackage(architecture: Architecture, cache: string): Promise<string> {
  const beside = join(BESIDE_SOURCES, "bin", "node");
  if (existsSync(beside) && sha256Of(beside) === NODE.sha256[architecture]) return BESIDE_SOURCES;
  const folder = join(cache, `node-${NODE.version}-${architecture}`);
  if (!existsSync(folder)) await unpack(`node-linux-${architecture}@${NODE.version}`, folder, cache);
  const found = sha256Of(join(folder, "bin", "node"));
  if (found === NODE.sha256[architecture]) return folder;
  throw new Error(`${folder}/bin/node is not Node.js ${NODE.version} as it was published: its SHA-256 is ${found}`);
}

async function unpack(name: string, folder: string, cache: string): Promise<void> {
  await mkdir(cache, { recursive: true });
  const temporary = await mkdtemp(join(cache, "unpack-"));
  try {
    const archive = await download(name, temporary);
    await run("tar", ["-xzf", archive, "package/bin/node", "package/LICENSE"], { cwd: temporary });
    await rename(join(temporary, "package"), folder);
  } finally {
    await rm(temporary, { recursive: true, force: true });
  }
}

/** 52 MB in that time is a slow line; npm itself would wait for a download that has stalled for as long as it likes. */
const DOWNLOAD_MS_MAX = 180_000;
const DOWNLOADS_MAX = 3;

/** The archive's name in the folder. npm compares what it gets with the digest that the registry gives for it. */
async function download(name: string, folder: string): Promise<string> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      const options = { cwd: folder, timeout: DOWNLOAD_MS_MAX };
      return (await run("npm", ["pack", "--silent", name], options)).stdout.trim();
    } catch (error) {
      if (attempt === DOWNLOADS_MAX) throw error;
      process.stderr.write(`npm did not get ${name} (${String(attempt)} of ${String(DOWNLOADS_MAX)}); trying again\n`);
    }
  }
}
