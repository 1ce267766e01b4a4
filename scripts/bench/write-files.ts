import { mkdir, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";

/** Files by their paths below a directory. */
export async function writeFiles(directory: string, files: ReadonlyMap<string, Uint8Array>): Promise<void> {
  for (const [path, bytes] of files) {
    await mkdir(dirname(join(directory, path)), { recursive: true });
    await writeFile(join(directory, path), bytes);
  }
}
