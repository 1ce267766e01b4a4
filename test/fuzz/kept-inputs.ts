/** Inputs on which a decoder once failed: a file each, below the target's name, tried in every run. */
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { sha256 } from "../../protocol/trust/digest.ts";

export const KEPT_FOLDER = new URL("../fixtures/fuzz/", import.meta.url).pathname;

export function keptInputs(target: string, folder = KEPT_FOLDER): Uint8Array[] {
  const place = join(folder, target);
  if (!existsSync(place)) return [];
  return readdirSync(place)
    .sort()
    .map((name) => readFileSync(join(place, name)));
}

/** Writes an input where a person finds it; returns the path. The same input is the same file. */
export function keepInput(folder: string, target: string, input: Uint8Array): string {
  const place = join(folder, target);
  mkdirSync(place, { recursive: true });
  const path = join(place, `${sha256(input).slice(0, 12)}.bin`);
  writeFileSync(path, input);
  return path;
}
