/** Small files that hold a secret as text: written whole, readable by their owner alone. */
import { randomUUID } from "node:crypto";
import { closeSync, fstatSync, fsyncSync, mkdirSync, openSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import { EXIT, FerryError, systemCodeOf } from "./ferry-error.ts";

/** Replaces the file at once, also across a power cut; mode 0600, in a folder that is made with 0700. */
export function writePrivateFile(path: string, text: string): void {
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
  const temporary = `${path}.${randomUUID()}.tmp`;
  const file = openSync(temporary, "wx", 0o600);
  try {
    writeFileSync(file, text);
    fsyncSync(file);
  } finally {
    closeSync(file);
  }
  renameSync(temporary, path);
  const folder = openSync(dirname(path), "r");
  try {
    fsyncSync(folder);
  } finally {
    closeSync(folder);
  }
}

/** Undefined where there is none. Throws FerryError `secret-exposed` where others can read it. */
export function readPrivateFile(path: string): string | undefined {
  let file: number;
  try {
    file = openSync(path, "r");
  } catch (thrown) {
    if (systemCodeOf(thrown) === "ENOENT") return undefined;
    throw thrown;
  }
  try {
    const { mode } = fstatSync(file);
    if ((mode & 0o077) === 0) return readFileSync(file, "utf8");
    const shown = (mode & 0o777).toString(8).padStart(4, "0");
    throw new FerryError("secret-exposed", `Other users can read the secret in ${path} (mode ${shown})`, {
      hint: `Run: chmod 600 ${path}. Who could read it may have it: exchange it as well.`,
      exitCode: EXIT.notAllowed,
    });
  } finally {
    closeSync(file);
  }
}
