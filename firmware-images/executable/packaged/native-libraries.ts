/** The native libraries beside an executable: what is loaded is what it was built with, byte for byte. */
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { FerryError, messageOf } from "../../../common/ferry-error.ts";
import type { NativeLibrary } from "../../../common/packaged-program.ts";

export interface NativeLibraries {
  readonly checkAll: () => readonly NativeLibrary[];
  /** Its exports. Whatever it links to and lies beside it is compared too, because the system loads that by itself. */
  readonly load: (name: string) => unknown;
}

/** `sha256`: of each library, by its name. Nothing is read before something is asked. */
export function nativeLibraries(folder: string, sha256: Readonly<Record<string, string>>): NativeLibraries {
  const checkAll = () => Object.entries(sha256).map(([name, expected]) => check(folder, name, expected));
  return {
    checkAll,
    load: (name) => {
      for (const [part, expected] of Object.entries(sha256)) if (isPartOf(part, name)) check(folder, part, expected);
      const loaded: { exports: unknown } = { exports: {} };
      process.dlopen(loaded, join(folder, name));
      return loaded.exports;
    },
  };
}

/** onnxruntime's binding finds `libonnxruntime.so.1` beside itself, by its RUNPATH. */
function isPartOf(part: string, name: string): boolean {
  return part === name || (name.startsWith("onnxruntime") && part.startsWith("libonnxruntime"));
}

function check(folder: string, name: string, expected: string): NativeLibrary {
  const path = join(folder, name);
  let found: string;
  try {
    found = createHash("sha256").update(readFileSync(path)).digest("hex");
  } catch (cause) {
    throw refuse(`${path} cannot be read: ${messageOf(cause)}`, cause);
  }
  if (found !== expected) {
    throw refuse(`${path} is not what this program was built with: its SHA-256 is ${found}, not ${expected}`);
  }
  return { name, sha256: found };
}

function refuse(message: string, cause?: unknown): FerryError {
  return new FerryError("native-library", message, {
    hint: "The executable and the folder native/ beside it belong together: install both again. If it happens again, check the disk or SD card.",
    ...(cause === undefined ? {} : { cause }),
  });
}
