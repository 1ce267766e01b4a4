import { stat } from "node:fs/promises";
import { join } from "node:path";
import { listFiles } from "../../../common/hash-directory.ts";
import { allVariants } from "../../../protocol/bundle/variants.ts";
import type { StatementDigest } from "../../../protocol/ids.ts";
import { BUNDLE_FILES_MAX } from "../../../protocol/limits.ts";
import type { VerifiedBundle } from "../inference-engine.ts";
import { estimatedNeedBytes, leastNeedBytes } from "./memory-plan.ts";

/** Files whose measured need is remembered: more than a device holds. */
const NEEDS_MAX = 64;

/** What the runner of a model takes at its peak: as measured here, or estimated where it was never loaded. */
export class MemoryNeeds {
  readonly #measured = new Map<string, number>();

  /** The most that a runner with this file of the bundle held. */
  note(statement: StatementDigest, file: string, peakBytes: number): void {
    const key = keyOf(statement, file);
    const knownBytes = this.#measured.get(key) ?? 0;
    this.#measured.delete(key);
    this.#measured.set(key, Math.max(knownBytes, peakBytes));
    const [oldest] = this.#measured.keys();
    if (this.#measured.size > NEEDS_MAX && oldest !== undefined) this.#measured.delete(oldest);
  }

  /**
   * Of these files, one of which is loaded at a time: of the largest, and at the least of the smallest. Throws FerryError, or
   * the system's error, where the bundle's files cannot be read.
   */
  async of(
    { statement, directory, model }: VerifiedBundle,
    files: readonly string[],
  ): Promise<{ readonly needBytes: number; readonly leastBytes: number }> {
    const measured = files.map((file) => this.#measured.get(keyOf(statement, file)));
    const sizes = measured.includes(undefined) ? await sizesIn(directory) : new Map<string, number>();
    const models = new Set(allVariants(model).map(({ file }) => file));
    // Weights may lie in files of their own beside the model.
    const beside = [...sizes].reduce((sum, [file, bytes]) => sum + (models.has(file) ? 0 : bytes), 0);
    const bytesOf = (file: string) => beside + (sizes.get(file) ?? 0);
    return {
      needBytes: Math.max(...files.map((file, at) => measured[at] ?? estimatedNeedBytes(bytesOf(file)))),
      leastBytes: Math.min(...files.map((file, at) => measured[at] ?? leastNeedBytes(sizes.get(file) ?? 0))),
    };
  }
}

function keyOf(statement: StatementDigest, file: string): string {
  return `${statement}/${file}`;
}

async function sizesIn(directory: string): Promise<ReadonlyMap<string, number>> {
  const sizes = new Map<string, number>();
  for (const file of await listFiles(directory, { filesMax: BUNDLE_FILES_MAX })) {
    sizes.set(file, (await stat(join(directory, file))).size);
  }
  return sizes;
}
