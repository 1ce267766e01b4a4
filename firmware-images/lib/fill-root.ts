/** Makes a device's root file system of Debian's: the overlay, the agent's package, and what is enabled. */
import { chmod, cp, mkdir, readdir, rm, symlink, utimes, writeFile } from "node:fs/promises";
import { basename, join } from "node:path";
import type { Board } from "./board.ts";
import { run } from "./run.ts";

const OVERLAY = join(import.meta.dirname, "root");

/** Units of the overlay, each with the target that wants it. */
const WANTED = {
  "ferry-grow-data.service": "local-fs.target",
  "ferry-keep-machine-id.service": "sysinit.target",
  "ferry-first-boot.service": "multi-user.target",
} as const;

export interface Filling {
  readonly root: string;
  readonly board: Board;
  /** The agent's Debian package. */
  readonly deb: string;
  /** The earliest time that a device can believe: that of its image. */
  readonly builtAt: Date;
}

export async function fillRoot({ root, board, deb, builtAt }: Filling): Promise<void> {
  const at = (path: string) => join(root, path);
  await installDeb(root, deb);
  await cp(OVERLAY, root, { recursive: true });
  for (const script of await readdir(at("usr/lib/ferry-image")))
    await chmod(at(`usr/lib/ferry-image/${script}`), 0o755);
  const { name, compatible } = board;
  await writeFile(at("usr/lib/ferry-image/board.json"), `${JSON.stringify({ name, compatible })}\n`);
  for (const [unit, target] of Object.entries(WANTED)) await enable(root, unit, target);
  await run("systemctl", [
    `--root=${root}`,
    "enable",
    "--quiet",
    "systemd-networkd",
    "systemd-resolved",
    "systemd-timesyncd",
  ]);
  await writeFile(at("etc/hostname"), "ferry\n");
  await writeFile(at("etc/hosts"), "127.0.0.1 localhost\n127.0.1.1 ferry\n::1 localhost ip6-localhost\n");
  await rm(at("etc/resolv.conf"), { force: true });
  await symlink("/run/systemd/resolve/stub-resolv.conf", at("etc/resolv.conf"));
  // A clock without a battery begins here, and then where it was when it last stopped (systemd-timesyncd).
  await writeFile(at("usr/lib/clock-epoch"), "");
  await utimes(at("usr/lib/clock-epoch"), builtAt, builtAt);
  for (const folder of ["boot/firmware", "data", "var/lib/ferry-agent"]) await mkdir(at(folder), { recursive: true });
}

/** Debian's scripts of the package run in the new root, with nothing started there. */
async function installDeb(root: string, deb: string): Promise<void> {
  await cp(deb, join(root, basename(deb)));
  const policy = join(root, "usr/sbin/policy-rc.d");
  await writeFile(policy, "#!/bin/sh\nexit 101\n", { mode: 0o755 });
  const inside = `mount -t proc proc "$0/proc" && exec chroot "$0" dpkg --install "/$1"`;
  await run("unshare", ["--mount", "sh", "-c", inside, root, basename(deb)]);
  await rm(policy);
  await rm(join(root, basename(deb)));
}

async function enable(root: string, unit: string, target: string): Promise<void> {
  const folder = join(root, "etc/systemd/system", `${target}.wants`);
  await mkdir(folder, { recursive: true });
  await symlink(`/usr/lib/systemd/system/${unit}`, join(folder, unit));
}

/** What the data partition begins with: what the root's `/etc/fstab` binds, with what Debian put there. */
export async function makeData(root: string, data: string): Promise<void> {
  await mkdir(join(data, "ferry-agent"), { recursive: true });
  await mkdir(join(data, "log", "journal"), { recursive: true });
  await cp(join(root, "var/lib/systemd"), join(data, "systemd"), { recursive: true });
}
