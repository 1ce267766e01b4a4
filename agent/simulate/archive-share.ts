/** Archives of which one device's copy serves all devices of this process. */
import { copyFile, mkdir, rename, rm } from "node:fs/promises";
import { join } from "node:path";
import type { Sha256 } from "../../protocol/ids.ts";
import type { ArchiveReceiver } from "../transfer/archive-receiver.ts";

export interface ArchiveShare {
  /** What a device fetches with: by its own receiver where it is the first, else from the copy. */
  readonly through: (
    receiver: Pick<ArchiveReceiver, "fetch" | "discard">,
  ) => Pick<ArchiveReceiver, "fetch" | "discard">;
}

/** The copies stay in `directory` until the process ends: as many as versions are rolled out meanwhile. */
export async function openArchiveShare(directory: string): Promise<ArchiveShare> {
  await rm(directory, { recursive: true, force: true });
  await mkdir(directory, { recursive: true });
  const copies = new Map<Sha256, Promise<string>>();

  async function keep(sha256: Sha256, path: string): Promise<string> {
    const copy = join(directory, `${sha256}.tar`);
    await copyFile(path, `${copy}.part`);
    await rename(`${copy}.part`, copy);
    return copy;
  }

  return {
    through: (receiver) => ({
      fetch: async (archive, options) => {
        const { signal } = options;
        for (;;) {
          signal.throwIfAborted();
          const known = copies.get(archive.sha256);
          if (known === undefined) {
            const copied = receiver.fetch(archive, options).then((path) => keep(archive.sha256, path));
            copies.set(archive.sha256, copied);
            // Whoever was first and has gone leaves it to the next one.
            copied.catch(() => copies.delete(archive.sha256));
            return copied;
          }
          // The first one's failure is its own.
          const path = await unlessAborted(
            known.catch(() => undefined),
            signal,
          );
          if (path !== undefined) return path;
        }
      },
      discard: receiver.discard,
    }),
  };
}

/** Rejects with the signal's reason as soon as it aborts. */
async function unlessAborted<Value>(work: Promise<Value>, signal: AbortSignal): Promise<Value> {
  const aborted = Promise.withResolvers<never>();
  const abort = () => {
    aborted.reject(signal.reason instanceof Error ? signal.reason : new Error("aborted"));
  };
  signal.addEventListener("abort", abort, { once: true });
  try {
    return await Promise.race([work, aborted.promise]);
  } finally {
    signal.removeEventListener("abort", abort);
  }
}
