import { stat } from "node:fs/promises";
import { join } from "node:path";
import { listFiles } from "../../common/hash-directory.ts";
import type { StatementDigest } from "../../protocol/ids.ts";
import { BUNDLE_FILES_MAX } from "../../protocol/limits.ts";
import type { VerifiedBundle } from "./inference-engine.ts";
import { estimatedNeedBytes } from "./memory-plan.ts";

/** Bundles whose measured need is remembered: more than a device holds. */
const NEEDS_MAX = 64;

/** What the runner of a bundle takes at its peak: as measured here, or estimated where it was never loaded. */
export class MemoryNeeds {
  readonly #measured = new Map<StatementDigest, number>();

  /** The most that a runner of this bundle held. */
  note(statement: StatementDigest, peakBytes: number): void {
    const knownBytes = this.#measured.get(statement) ?? 0;
    this.#measured.delete(statement);
    this.#measured.set(statement, Math.max(knownBytes, peakBytes));
    const [oldest] = this.#measured.keys();
    if (this.#measured.size > NEEDS_MAX && oldest !== undefined) this.#measured.delete(oldest);
  }

  /** Throws FerryError, or the system's error, where the bundle's files cannot be read. */
  async of({ statement, directory }: VerifiedBundle): Promise<number> {
    return this.#measured.get(statement) ?? estimatedNeedBytes(await sizeOf(directory));
  }
}

async function sizeOf(directory: string): Promise<number> {
  let bytes = 0;
  for (const file of await listFiles(directory, { filesMax: BUNDLE_FILES_MAX })) {
    bytes += (await stat(join(directory, file))).size;
  }
  return bytes;
}
