/** The part of an image that comes from Debian: made once for each list of packages, then kept, since an emulated machine takes minutes for it. */
import { createHash } from "node:crypto";
import { existsSync } from "node:fs";
import { mkdir, rename, rm } from "node:fs/promises";
import { join } from "node:path";
import type { Board } from "./board.ts";
import { isForeign } from "./emulation.ts";
import { run } from "./run.ts";

const SUITE = "bookworm";

/** What every image has. No CA certificates (Node.js carries its own), no ssh, no login. */
const PACKAGES = [
  ..."usr-is-merged systemd-sysv udev kmod dbus systemd-timesyncd systemd-resolved initramfs-tools lz4".split(" "),
  ..."iproute2 procps fdisk e2fsprogs libstdc++6".split(" "),
];

/** `/bin` and its like are links from the beginning: without this Debian moves them at the end, with all of Perl. */
const MERGED_USR = "/usr/share/mmdebstrap/hooks/merged-usr";

/**
 * What a machine of another kind spends most of its emulated minutes with is unpacking: here it is done by this machine
 * beforehand. The archives are those that apt has checked.
 */
const DECOMPRESS = `cd "$1/var/cache/apt/archives" && for deb in *.deb; do
  dpkg-deb --raw-extract "$deb" "$1/tmp/deb" && dpkg-deb -Znone --build "$1/tmp/deb" "$deb" >/dev/null || exit 1
  rm -rf "$1/tmp/deb"
done`;

/** Arguments for mmdebstrap but the last, the file to write. `emulated`: the image's programs do not run here by themselves. */
export function debianArguments(board: Board, emulated: boolean): readonly string[] {
  const modules = `${board.initialModules.join("\n")}\n`;
  const files: Readonly<Record<string, string>> = {
    "etc/initramfs-tools/conf.d/ferry": "MODULES=list\nCOMPRESS=lz4\n",
    "etc/initramfs-tools/modules": modules,
    // The kernel's package makes the initial file system; each other one that has a part in it would make it again.
    "etc/initramfs-tools/update-initramfs.conf": "update_initramfs=no\nbackup_initramfs=no\n",
    // A clock without a battery is years behind when the file systems are looked at: that is no damage.
    "etc/e2fsck.conf": "[options]\nbroken_system_clock = true\n",
    ...board.earlyFiles,
  };
  const writes = Object.entries(files).map(
    ([path, text]) => `mkdir -p "$(dirname "$1/${path}")"; printf '%s' '${text}' > "$1/${path}"`,
  );
  return [
    "--quiet",
    "--format=tar",
    `--architectures=${board.architecture}`,
    // All packages are set up together, and apt stays outside: what is installed is never changed.
    "--variant=custom",
    `--components=${["main", ...board.components].join(",")}`,
    "--include=?essential",
    `--include=${[...PACKAGES, ...board.packages].join(",")}`,
    '--aptopt=Apt::Install-Recommends "false"',
    "--dpkgopt=force-unsafe-io",
    // Settings that are written below are there before their packages are: dpkg would ask whose to keep.
    "--dpkgopt=force-confold",
    ...["man", "locale", "doc"].map((folder) => `--dpkgopt=path-exclude=/usr/share/${folder}/*`),
    "--dpkgopt=path-include=/usr/share/doc/*/copyright",
    ...board.excluded.map((folder) => `--dpkgopt=path-exclude=/lib/modules/*/kernel/${folder}/*`),
    `--setup-hook=${MERGED_USR}/setup00.sh "$1"`,
    `--extract-hook=${writes.join("; ")}`,
    ...(emulated ? [`--extract-hook=${DECOMPRESS}`] : []),
    ...(board.boot.kind === "raspberry-pi" ? RASPBERRY_PI_HOOKS : []),
    '--customize-hook=rm -f "$1/etc/hostname" "$1/etc/resolv.conf"; : > "$1/etc/machine-id"',
    SUITE,
  ];
}

/** Its kernel hook writes only to a mount point. */
const RASPBERRY_PI_HOOKS = [
  '--extract-hook=mkdir -p "$1/boot/firmware"; mount --bind "$1/boot/firmware" "$1/boot/firmware"',
  '--customize-hook=umount "$1/boot/firmware"',
];

/** The tar file with Debian's part, made where it is not there. Another list of packages is another file. */
export async function debianTar(board: Board, cache: string): Promise<string> {
  const wanted = debianArguments(board, isForeign(board));
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
