import { cpSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Digit } from "../../test/support/digits.ts";
import type { Fleet } from "../../test/support/fleet.ts";
import type { Finished } from "../../test/support/programs.ts";
import type { Preparations } from "./preparations.ts";
import type { Teller } from "./teller.ts";

/** What every chapter needs. */
export interface Story {
  readonly fleet: Fleet;
  readonly teller: Teller;
  readonly prepared: Preparations;
  readonly digits: readonly Digit[];
  /** For bundles and whatever else the story writes. */
  readonly directory: string;
}

const examples = new URL("../../examples/digits/", import.meta.url).pathname;

/** A copy of one of the example models under a version of its own, ready to be changed and signed. */
export function copyOfDigits({ directory }: Story, from: "v1.0.0" | "v1.1.0", version: string): string {
  const copy = join(directory, `digits-${version}`);
  cpSync(join(examples, from), copy, { recursive: true });
  const file = join(copy, "model.json");
  const model = JSON.parse(readFileSync(file, "utf8")) as Record<string, unknown>;
  writeFileSync(file, JSON.stringify({ ...model, version }, undefined, 2));
  return copy;
}

/** Signs with the publisher's key and builds the archive; resolves to its path. */
export async function signAndBuild({ fleet, directory }: Story, bundle: string, version: string): Promise<string> {
  const archive = join(directory, `digits-${version}.bundle.tar`);
  succeeded(await fleet.ferry("bundle", "sign", bundle));
  succeeded(await fleet.ferry("bundle", "build", bundle, "--output", archive));
  return archive;
}

/** Throws with what a command said, where it failed. */
export function succeeded(finished: Finished): Finished {
  if (finished.code !== 0)
    throw new Error(`a command ended with ${String(finished.code)}: ${finished.stderr}${finished.stdout}`);
  return finished;
}
