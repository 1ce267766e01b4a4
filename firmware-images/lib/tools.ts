import { existsSync } from "node:fs";
import type { Board } from "./board.ts";

/** Each with the Debian package that it comes in. */
const TOOLS: Readonly<Record<string, string>> = {
  mmdebstrap: "mmdebstrap",
  mke2fs: "e2fsprogs",
  "mkfs.vfat": "dosfstools",
  mcopy: "mtools",
  sfdisk: "fdisk",
  systemctl: "systemd",
};
/** For a machine of another kind than this one. */
const EMULATORS: Readonly<Record<string, string>> = {
  "qemu-aarch64-static": "qemu-user-static",
  "arch-test": "arch-test",
};
const FOLDERS = ["/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin"];

/** Throws with the line that installs what is missing. */
export function requireTools(board: Pick<Board, "architecture">): void {
  const isForeign = board.architecture !== (process.arch === "arm64" ? "arm64" : "amd64");
  const missing = missingPackages(isForeign, (tool) => FOLDERS.some((folder) => existsSync(`${folder}/${tool}`)));
  if (missing.length > 0) throw new Error(`Tools are missing here. Install them: apt-get install ${missing.join(" ")}`);
}

export function missingPackages(isForeign: boolean, isThere: (tool: string) => boolean): readonly string[] {
  const needed = { ...TOOLS, ...(isForeign ? EMULATORS : {}) };
  const missing = Object.entries(needed).filter(([tool]) => !isThere(tool));
  return [...new Set(missing.map(([, name]) => name))];
}
