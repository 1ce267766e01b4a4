/** What execution providers compile of a model on this machine, each in a folder that no other model can ever have. */
import { createHash } from "node:crypto";
import { mkdir, readdir, rm, stat, utimes } from "node:fs/promises";
import { join } from "node:path";
import { messageOf } from "../../common/ferry-error.ts";
import type { Log } from "../../common/log.ts";
import type { StatementDigest } from "../../protocol/ids.ts";
import type { EngineCache } from "../inference/qualify/engine-cache.ts";
import type { LoadChoice } from "../inference/qualify/load-choice.ts";

export interface EngineDirectory extends EngineCache {
  /** Removes what was compiled of every other bundle, and of those the ones used longest ago while they are too large. */
  readonly keepOnly: (statements: ReadonlySet<StatementDigest>) => Promise<void>;
}

/** An engine is about as large as its model: sixteen slots with two versions of 64 MB, or a few large ones. */
export const ENGINES_BYTES_MAX = 2 * 1024 ** 3;

export async function openEngineDirectory(
  directory: string,
  machine: string,
  log: Log,
  bytesMax = ENGINES_BYTES_MAX,
): Promise<EngineDirectory> {
  await mkdir(directory, { recursive: true, mode: 0o700 });
  const placeOf = (statement: StatementDigest, choice: LoadChoice) =>
    join(directory, statement, engineKey(machine, choice));

  return {
    folderFor: async ({ statement }, choice) => {
      const place = placeOf(statement, choice);
      try {
        await mkdir(place, { recursive: true, mode: 0o700 });
        const now = new Date();
        await utimes(join(directory, statement), now, now);
        return place;
      } catch (error) {
        log.warn(
          { statement, error: messageOf(error) },
          "no place for compiled engines; they are compiled at each start",
        );
        return undefined;
      }
    },
    forget: async ({ statement }, choice) => {
      const place = placeOf(statement, choice);
      const had = await readdir(place).then(
        (files) => files.length > 0,
        () => false,
      );
      await rm(place, { recursive: true, force: true });
      return had;
    },
    keepOnly: async (statements) => {
      const held = new Set<string>(statements);
      try {
        const left: { readonly name: string; readonly bytes: number; readonly usedMs: number }[] = [];
        for (const name of await readdir(directory)) {
          const place = join(directory, name);
          if (held.has(name)) left.push({ name, bytes: await bytesIn(place), usedMs: (await stat(place)).mtimeMs });
          else await rm(place, { recursive: true, force: true });
        }
        let bytes = left.reduce((sum, one) => sum + one.bytes, 0);
        for (const one of left.sort((a, b) => a.usedMs - b.usedMs)) {
          if (bytes <= bytesMax) break;
          await rm(join(directory, one.name), { recursive: true, force: true });
          bytes -= one.bytes;
          log.info({ statement: one.name, bytes: one.bytes }, "removed compiled engines to keep to their bound");
        }
      } catch (error) {
        log.warn({ error: messageOf(error) }, "cannot tidy up compiled engines");
      }
    },
  };
}

/**
 * Whatever changes an engine is in it, and the statement is the folder around it. onnxruntime names an engine after the
 * structure of the graph and finds it again by that name: in one folder, the second of two models with one structure
 * gives the answers of the first (onnxruntime issue 6455).
 */
export function engineKey(machine: string, { variant, file, provider, settings }: LoadChoice): string {
  const parts = JSON.stringify([machine, variant, file, provider, settings]);
  return createHash("sha256").update(parts).digest("hex").slice(0, 32);
}

async function bytesIn(directory: string): Promise<number> {
  let bytes = 0;
  for (const entry of await readdir(directory, { recursive: true, withFileTypes: true })) {
    if (entry.isFile()) bytes += (await stat(join(entry.parentPath, entry.name))).size;
  }
  return bytes;
}
