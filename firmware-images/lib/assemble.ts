/** From folders to a file that is written onto a card: no loop device, nothing mounted. */
import { readdir, rm, truncate, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { Board } from "./board.ts";
import { partitionScript, type PartitionPlan } from "./partitions.ts";
import { run } from "./run.ts";

export interface Assembly {
  readonly board: Board;
  readonly plan: PartitionPlan;
  readonly root: string;
  readonly data: string;
  /** `ferry-agent.env` as it lies on the boot partition of a fresh image. */
  readonly bootFile: string;
  /** Scratch space on a real disk. */
  readonly work: string;
  readonly image: string;
}

export async function assemble(assembly: Assembly): Promise<void> {
  const { board, plan, root, data, work, image } = assembly;
  const boot = await bootPartition(assembly);
  const rootPartition = await ext4(join(work, "root.img"), "ferry-root", root, plan.rootSize);
  const dataPartition = await ext4(join(work, "data.img"), "ferry-data", data, plan.dataSize);
  await rm(image, { force: true });
  await emptyFile(image, plan.total);
  await run("sfdisk", ["--quiet", image], partitionScript(plan, board.partitionTable));
  await place(boot, image, plan.bootAt);
  await place(rootPartition, image, plan.rootAt);
  await place(dataPartition, image, plan.dataAt);
}

async function ext4(file: string, label: string, folder: string, size: number): Promise<string> {
  await emptyFile(file, size);
  await run("mke2fs", ["-q", "-t", "ext4", "-L", label, "-b", "4096", "-E", "root_owner=0:0", "-d", folder, file]);
  return file;
}

async function bootPartition({ board, plan, root, bootFile, work }: Assembly): Promise<string> {
  const file = join(work, "boot.img");
  await emptyFile(file, plan.bootSize);
  await run("mkfs.vfat", ["-F", "32", "-n", "FERRY-BOOT", file]);
  const put = (from: string, to: string) => run("mcopy", ["-i", file, "-s", from, `::/${to}`]);
  const write = async (name: string, text: string) => {
    await writeFile(join(work, "part"), text);
    await put(join(work, "part"), name);
  };
  if (board.boot.kind === "efi") {
    const { kernel, initrd } = await kernelOf(root);
    await run("mmd", ["-i", file, ...["EFI", "EFI/BOOT", "loader", "loader/entries", "ferry"].map((at) => `::/${at}`)]);
    await put(join(root, "usr/lib/systemd/boot/efi", board.boot.loader), `EFI/BOOT/${board.boot.defaultName}`);
    await put(kernel, "ferry/vmlinuz");
    await put(initrd, "ferry/initrd");
    await write("loader/loader.conf", "default ferry\ntimeout 0\neditor no\n");
    const entry = `title Modelferry\nlinux /ferry/vmlinuz\ninitrd /ferry/initrd\noptions ${commandLine(board)}\n`;
    await write("loader/entries/ferry.conf", entry);
  } else {
    const firmware = join(root, "boot/firmware");
    // The package's hook made both for a root that can be written.
    for (const name of await readdir(firmware)) if (name !== "cmdline.txt") await put(join(firmware, name), name);
    await write("cmdline.txt", `${commandLine(board)}\n`);
  }
  await write("ferry-agent.env", bootFile);
  return file;
}

/**
 * Started again 10 s after a panic; what a power cut left of a file system is repaired without asking. Warnings reach the
 * consoles: what the first start has to say is among them.
 */
export function commandLine({ consoles }: Pick<Board, "consoles">): string {
  const named = consoles.map((console) => `console=${console}`);
  return [
    "root=LABEL=ferry-root",
    "ro",
    "rootwait",
    ...named,
    "quiet",
    "loglevel=5",
    "printk.devkmsg=on",
    "panic=10",
    "fsck.repair=yes",
  ].join(" ");
}

/** The newest kernel, and the initial file system that Debian made for it. */
export async function kernelOf(root: string): Promise<{ readonly kernel: string; readonly initrd: string }> {
  const names = await readdir(join(root, "boot"));
  const newest = (prefix: string) =>
    names
      .filter((name) => name.startsWith(prefix))
      .sort()
      .at(-1);
  const [kernel, initrd] = [newest("vmlinuz-"), newest("initrd.img-")];
  if (kernel === undefined || initrd === undefined)
    throw new Error("Debian's packages brought no kernel with an initrd");
  return { kernel: join(root, "boot", kernel), initrd: join(root, "boot", initrd) };
}

async function emptyFile(file: string, mib: number): Promise<void> {
  await rm(file, { force: true });
  await writeFile(file, "");
  await truncate(file, mib * 1024 ** 2);
}

function place(file: string, image: string, mib: number): Promise<void> {
  return run("dd", [`if=${file}`, `of=${image}`, "bs=1M", `seek=${mib}`, "conv=notrunc,sparse", "status=none"]);
}
