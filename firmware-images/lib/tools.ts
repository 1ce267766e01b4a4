import { existsSync } from "node:fs";
import type { Board } from "./board.ts";
import { isForeign } from "./emulation.ts";

/** Programs by name, other files by path; each with the Debian package that it comes in. */
export type Needed = Readonly<Record<string, string>>;

const TOOLS: Needed = {
  mmdebstrap: "mmdebstrap",
  mke2fs: "e2fsprogs",
  "mkfs.vfat": "dosfstools",
  mcopy: "mtools",
  sfdisk: "fdisk",
  systemctl: "systemd",
};
/** For a machine of another kind than this one. */
const EMULATORS: Needed = {
  "qemu-aarch64-static": "qemu-user-static",
  "arch-test": "arch-test",
};
const FOLDERS = ["/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin"];

/** What building an image takes. */
export function toolsFor(board: Pick<Board, "architecture">): Needed {
  return { ...TOOLS, ...(isForeign(board) ? EMULATORS : {}) };
}

/** Throws with the line that installs what is missing. */
export function requireTools(needed: Needed): void {
  const missing = missingPackages(needed, isHere);
  if (missing.length > 0) throw new Error(`Tools are missing here. Install them: apt-get install ${missing.join(" ")}`);
}

function isHere(name: string): boolean {
  return name.startsWith("/") ? existsSync(name) : FOLDERS.some((folder) => existsSync(`${folder}/${name}`));
}

export function missingPackages(needed: Needed, isThere: (name: string) => boolean): readonly string[] {
  const missing = Object.entries(needed).filter(([name]) => !isThere(name));
  return [...new Set(missing.map(([, from]) => from))];
}
