import { open, rename, rm } from "node:fs/promises";
import { dirname } from "node:path";

/** Replaces a file so that a power cut at any point leaves the old text or the new one, whole. */
export async function writeFileDurably(path: string, content: string | Uint8Array, mode = 0o644): Promise<void> {
  const temporary = `${path}.${String(process.pid)}.tmp`;
  try {
    await using file = await open(temporary, "w", mode);
    await file.writeFile(content);
    await file.sync();
  } catch (thrown) {
    await rm(temporary, { force: true });
    throw thrown;
  }
  await rename(temporary, path);
  await syncPath(dirname(path));
}

/** A file's bytes are on disk only after this, and a name in a directory only after the directory is. */
export async function syncPath(path: string): Promise<void> {
  await using handle = await open(path, "r");
  await handle.sync();
}
