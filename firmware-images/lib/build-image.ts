/** `npm run image -- BOARD`: from the agent's Debian package to a file that boots. See firmware-images/README.md. */
import { existsSync } from "node:fs";
import { cp, mkdir, mkdtemp, readdir, readFile, rm, stat } from "node:fs/promises";
import { join, relative } from "node:path";
import { parseArgs } from "node:util";
import { arm64 } from "../arm64/board.ts";
import { raspberryPi } from "../raspberry-pi/board.ts";
import { x86 } from "../x86/board.ts";
import { assemble, kernelOf } from "./assemble.ts";
import type { Board } from "./board.ts";
import { allowArm64Programs } from "./emulation.ts";
import { fillRoot, makeData } from "./fill-root.ts";
import { planPartitions } from "./partitions.ts";
import { debianTar } from "./root-file-system.ts";
import { folderMib, run } from "./run.ts";
import { requireTools, toolsFor } from "./tools.ts";

const BOARDS: readonly Board[] = [x86, arm64, raspberryPi];
const top = join(import.meta.dirname, "..", "..");
const cache = join(top, "build", "images");

const USAGE = `scripts/image x86|arm64|raspberry-pi [--deb FILE] [--out FILE]

  Makes an image of Debian 12 with the agent: a file to write onto a card or disk (dist/images/ferry-BOARD.img).
  --deb FILE   the agent's package for that machine (default: the newest dist/ferry-agent_*_ARCH.deb, from firmware-images/deb/build)
`;

await build();

async function build(): Promise<void> {
  const { board, deb, image } = await wanted();
  requireTools(toolsFor(board));
  if (process.getuid?.() !== 0) throw new Error("An image holds files of root: run this as root, or in a container");
  const startedMs = performance.now();
  const tell = (what: string) => {
    const seconds = ((performance.now() - startedMs) / 1_000).toFixed(0);
    process.stderr.write(`[${seconds.padStart(4)} s] ${what}\n`);
  };
  if (board.architecture === "arm64") await allowArm64Programs();
  tell(`Debian for ${board.name} (kept in ${relative(process.cwd(), cache)}; emulated, it takes some minutes)`);
  const tar = await debianTar(board, cache);
  const work = await mkdtemp(join(cache, "work-"));
  try {
    const [root, data] = [join(work, "root"), join(work, "data")];
    await mkdir(root);
    await run("tar", [
      "--extract",
      "--numeric-owner",
      "--xattrs",
      "--file",
      tar,
      "--directory",
      root,
      "--exclude=./dev/*",
    ]);
    tell(`the agent: ${relative(process.cwd(), deb)}`);
    await fillRoot({ root, board, deb, builtAt: new Date() });
    await makeData(root, data);
    const rootMib = await folderMib(root);
    const plan = planPartitions(rootMib, board);
    tell(`partitions: boot ${plan.bootSize}, root ${plan.rootSize}, data ${plan.dataSize} MiB`);
    await mkdir(join(image, ".."), { recursive: true });
    const bootFile = await readFile(join(import.meta.dirname, "ferry-agent.env"), "utf8");
    await assemble({ board, plan, root, data, bootFile, work, image });
    // An emulator starts them by itself where the board's own loader cannot run in it.
    const { kernel, initrd } = await kernelOf(root);
    await cp(kernel, `${image}.vmlinuz`);
    await cp(initrd, `${image}.initrd`);
    if (board.boot.kind === "raspberry-pi") {
      await cp(join(root, "boot/firmware", board.boot.emulatedDeviceTree), `${image}.dtb`);
    }
    const { size, blocks } = await stat(image);
    const onDisk = Math.round((blocks * 512) / 1024 ** 2);
    tell(`${relative(process.cwd(), image)}: ${Math.round(size / 1024 ** 2)} MiB, ${onDisk} MiB of them not empty`);
  } finally {
    await rm(work, { recursive: true, force: true });
  }
  process.stdout.write(`${relative(process.cwd(), image)}\n`);
}

interface Wanted {
  readonly board: Board;
  readonly deb: string;
  readonly image: string;
}

async function wanted(): Promise<Wanted> {
  try {
    const { values, positionals } = parseArgs({
      allowPositionals: true,
      options: { deb: { type: "string" }, out: { type: "string" } },
    });
    const [name, ...others] = positionals;
    const board = BOARDS.find((known) => known.name === name);
    if (board === undefined || others.length > 0) throw new Error(`Which board? ${String(name)} is not one of them.`);
    const deb = values.deb ?? (await newestDeb(board));
    if (!existsSync(deb)) throw new Error(`There is no ${deb}`);
    return { board, deb, image: values.out ?? join(top, "dist", "images", `ferry-${board.name}.img`) };
  } catch (error) {
    process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n\n${USAGE}`);
    process.exit(2);
  }
}

async function newestDeb({ architecture }: Board): Promise<string> {
  const dist = join(top, "dist");
  const names = existsSync(dist) ? await readdir(dist) : [];
  const [newest] = names
    .filter((name) => name.startsWith("ferry-agent_") && name.endsWith(`_${architecture}.deb`))
    .sort()
    .reverse();
  if (newest === undefined)
    throw new Error(`There is no package for ${architecture} in dist/: firmware-images/deb/build makes it`);
  return join(dist, newest);
}
