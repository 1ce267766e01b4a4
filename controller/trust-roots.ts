/** The root metadata that the controller hands out: the same files that the owner signed offline. */
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { FerryError, messageOf, systemCodeOf } from "../common/ferry-error.ts";
import { sha256 } from "../protocol/trust/digest.ts";
import { acceptFirstRoot, acceptNextRoot, type TrustRoot } from "../protocol/trust/root.ts";
import type { ControllerPaths } from "./config.ts";

/** A rotation a year for longer than any device lives; bounds the walk. */
const ROOTS_MAX = 1_000;

/** Every version, ascending, each signed by the one before it. Throws `root-unusable`. */
export async function readRoots({ roots: folder }: ControllerPaths): Promise<readonly TrustRoot[]> {
  const roots: TrustRoot[] = [];
  for (let version = 1; version <= ROOTS_MAX; version += 1) {
    const path = join(folder, `${version}.root.json`);
    try {
      const bytes = await readFile(path);
      const last = roots.at(-1);
      roots.push(last === undefined ? acceptFirstRoot(bytes, sha256(bytes)) : acceptNextRoot(last, bytes));
    } catch (cause) {
      if (systemCodeOf(cause) === "ENOENT" && version > 1) return roots;
      throw new FerryError("root-unusable", `Cannot use ${path}: ${messageOf(cause)}`, {
        hint: "Put back the file that the owner signed (`ferry init` wrote version 1, `ferry root publish` each later one): devices know it by its SHA-256.",
        cause,
      });
    }
  }
  return roots;
}

export interface RootEnds {
  /** Version 1, whose SHA-256 devices are given. */
  readonly first: TrustRoot;
  readonly newest: TrustRoot;
}

export function newestOf(roots: readonly TrustRoot[]): RootEnds {
  const [first] = roots;
  const newest = roots.at(-1);
  if (first === undefined || newest === undefined) throw new Error("there is always a first root");
  return { first, newest };
}
