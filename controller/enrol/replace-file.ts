import { mkdir, open, rename } from "node:fs/promises";
import { dirname } from "node:path";

/** Whole before or after a power cut. */
export async function replaceFile(path: string, text: string): Promise<void> {
  await mkdir(dirname(path), { recursive: true, mode: 0o700 });
  const temporary = `${path}.tmp`;
  {
    await using file = await open(temporary, "w", 0o644);
    await file.writeFile(text);
    await file.sync();
  }
  await rename(temporary, path);
  await using folder = await open(dirname(path), "r");
  await folder.sync();
}
