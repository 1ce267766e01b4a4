/** Programs of another machine run on this one through qemu-user, as soon as the kernel knows which to start it for. */
import { existsSync } from "node:fs";
import { readFile, writeFile } from "node:fs/promises";
import type { Board } from "./board.ts";
import { run } from "./run.ts";

const BINFMT = "/proc/sys/fs/binfmt_misc";
const QEMU_AARCH64 = "/usr/lib/binfmt.d/qemu-aarch64.conf";

/** Whether a board's programs need an emulator on this machine. */
export function isForeign({ architecture }: Pick<Board, "architecture">): boolean {
  return architecture !== (process.arch === "arm64" ? "arm64" : "amd64");
}

/** Registers qemu-user for arm64, as systemd does at start where it runs; a container has nobody who did. */
export async function allowArm64Programs(): Promise<void> {
  if (process.arch === "arm64" || existsSync(`${BINFMT}/qemu-aarch64`)) return;
  if (!existsSync(`${BINFMT}/register`)) await run("mount", ["-t", "binfmt_misc", "binfmt_misc", BINFMT]);
  if (existsSync(`${BINFMT}/qemu-aarch64`)) return;
  await writeFile(`${BINFMT}/register`, registration(await readFile(QEMU_AARCH64, "utf8")));
}

/** The line of a binfmt.d file that the kernel takes: how such a program begins, and what runs it. */
export function registration(file: string): string {
  const line = file.split("\n").find((text) => text.startsWith(":"));
  if (line === undefined) throw new Error(`${QEMU_AARCH64} names no program: install qemu-user-static again`);
  return line;
}
