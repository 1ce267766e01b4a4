/** The part of an image that comes from Debian: made once for each list of packages, then kept, since an emulated machine takes minutes for it. */
import { createHash } from "node:crypto";
import { existsSync } from "node:fs";
import { mkdir, rename, rm } from "node:fs/promises";
import { join } from "node:path";
import type { Board } from "./board.ts";
import { run } from "./run.ts";

const SUITE = "bookworm";

/** What every image has. No CA certificates (Node.js carries its own), no ssh, no login. */
const PACKAGES = [
  ..."systemd-sysv udev kmod dbus systemd-timesyncd systemd-resolved initramfs-tools lz4".split(" "),
  ..."iproute2 procps fdisk e2fsprogs libstdc++6".split(" "),
];

/** Arguments for mmdebstrap but the last, the file to write. */
export function debianArguments(board: Board): readonly string[] {
  const modules = `${board.initialModules.join("\n")}\n`;
  const files: Readonly<Record<string, string>> = {
    "etc/initramfs-tools/conf.d/ferry": "MODULES=list\nCOMPRESS=lz4\n",
    "etc/initramfs-tools/modules": modules,
    ...board.earlyFiles,
  };
  const writes = Object.entries(files).map(
    ([path, text]) => `mkdir -p "$(dirname "$1/${path}")"; printf '%s' '${text}' > "$1/${path}"`,
  );
  return [
    "--quiet",
    "--format=tar",
    `--architectures=${board.architecture}`,
    "--variant=minbase",
    `--components=${["main", ...board.components].join(",")}`,
    `--include=${[...PACKAGES, ...board.packages].join(",")}`,
    '--aptopt=Apt::Install-Recommends "false"',
    "--dpkgopt=force-unsafe-io",
    // raspi-firmware's settings are there before it is: dpkg would ask whose to keep.
    "--dpkgopt=force-confold",
    ...["man", "locale", "doc"].map((folder) => `--dpkgopt=path-exclude=/usr/share/${folder}/*`),
    "--dpkgopt=path-include=/usr/share/doc/*/copyright",
    ...board.excluded.map((folder) => `--dpkgopt=path-exclude=/lib/modules/*/kernel/${folder}/*`),
    `--essential-hook=${writes.join("; ")}`,
    ...(board.boot.kind === "raspberry-pi" ? RASPBERRY_PI_HOOKS : []),
    '--customize-hook=rm -f "$1/etc/hostname" "$1/etc/resolv.conf"; : > "$1/etc/machine-id"',
    SUITE,
  ];
}

/** Its kernel hook writes only to a mount point. */
const RASPBERRY_PI_HOOKS = [
  '--essential-hook=mkdir -p "$1/boot/firmware"; mount --bind "$1/boot/firmware" "$1/boot/firmware"',
  '--customize-hook=umount "$1/boot/firmware"',
];

/** The tar file with Debian's part, made where it is not there. Another list of packages is another file. */
export async function debianTar(board: Board, cache: string): Promise<string> {
  const wanted = debianArguments(board);
  const digest = createHash("sha256").update(JSON.stringify(wanted)).digest("hex").slice(0, 12);
  const file = join(cache, `debian-${board.name}-${digest}.tar`);
  if (existsSync(file)) return file;
  await mkdir(cache, { recursive: true });
  const partial = `${file}.partial`;
  await rm(partial, { force: true });
  await run("mmdebstrap", [...wanted, partial]);
  await rename(partial, file);
  return file;
}
