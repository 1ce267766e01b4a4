import { writeFile } from "node:fs/promises";

/** Two spaces, and lists of numbers on one line each: people read these files and compare them. */
export async function writeJson(path: string, value: unknown): Promise<void> {
  const text = JSON.stringify(value, undefined, 2).replaceAll(
    /\[\s+((?:-?[\d.e+-]+|true|false)(?:,\s+(?:-?[\d.e+-]+|true|false))*)\s+\]/g,
    (_, list: string) => `[${list.replaceAll(/,\s+/g, ", ")}]`,
  );
  await writeFile(path, `${text}\n`);
}
