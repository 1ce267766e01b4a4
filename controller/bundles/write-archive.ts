import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { pack, type Pack } from "tar-stream";
import { FerryError, messageOf } from "../../common/ferry-error.ts";
import type { ArchiveEntry } from "./archive-entries.ts";

/** Everything about a file that is not its name or content is the same in each archive. */
const SAME_FOR_ALL = { type: "file", mode: 0o644, uid: 0, gid: 0, mtime: new Date(0) } as const;

/**
 * A tar of these files in this order, as it streams past: the same names and contents give the same bytes anywhere.
 * Throws FerryError `file-changed` where a file's length is not the one that was told.
 */
export async function* writeArchive(entries: AsyncIterable<ArchiveEntry>): AsyncGenerator<Uint8Array> {
  const tar = pack();
  const filling = fill(tar, entries);
  // Looked at below; a reader that stops early must not leave a rejection that nobody handles.
  filling.catch(() => undefined);
  try {
    // The library's types promise nothing of the pieces; without an encoding they are bytes.
    for await (const bytes of tar) if (bytes instanceof Uint8Array) yield bytes;
  } catch (thrown) {
    await filling;
    throw thrown;
  }
  await filling;
}

async function fill(tar: Pack, entries: AsyncIterable<ArchiveEntry>): Promise<void> {
  try {
    for await (const { name, sizeBytes, content } of entries) {
      const sink = tar.entry({ ...SAME_FOR_ALL, name, size: sizeBytes });
      await pipeline(Readable.from(ofLength(name, sizeBytes, content), { objectMode: true }), sink);
    }
    tar.finalize();
  } catch (thrown) {
    tar.destroy(thrown instanceof Error ? thrown : new Error(messageOf(thrown)));
    throw thrown;
  }
}

async function* ofLength(
  name: string,
  sizeBytes: number,
  content: AsyncIterable<Uint8Array>,
): AsyncGenerator<Uint8Array> {
  let read = 0;
  for await (const bytes of content) {
    read += bytes.byteLength;
    if (read > sizeBytes) break;
    yield bytes;
  }
  if (read === sizeBytes) return;
  throw new FerryError("file-changed", `${name} changed while it was being read`, {
    hint: "Run the command again when nothing writes to the directory any more.",
  });
}
