/** The files of one schedule on the controller: each written whole or not at all, and no more than are to be kept. */
import { mkdir, readdir, rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";

export interface ReportFile {
  readonly name: string;
  readonly text: string;
}

export interface Kept {
  /** Runs. */
  readonly keep: number;
  readonly keepDays: number;
}

const DAY_MS = 86_400_000;

/** Gives the paths. A power cut leaves no half of a file. */
export async function keepReport(
  folder: string,
  files: readonly ReportFile[],
  kept: Kept,
  nowMs: number,
): Promise<string[]> {
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const paths: string[] = [];
  for (const { name, text } of files) {
    const path = join(folder, name);
    // What devices are and do is nobody's business but the operators'.
    await writeFile(`${path}.part`, text, { mode: 0o600 });
    await rename(`${path}.part`, path);
    paths.push(path);
  }
  for (const name of tooMany(await readdir(folder), kept, nowMs)) await rm(join(folder, name), { force: true });
  return paths;
}

/** As `reportFileName` names them; anything else in the folder is somebody's own. */
const RUN = /-(\d{4}-\d\d-\d\dT\d\d-\d\d)\.(?:txt|html|md|csv|json)$/;

/** Names of the files to delete. Pure. */
export function tooMany(names: readonly string[], { keep, keepDays }: Kept, nowMs: number): string[] {
  const runs = Map.groupBy(
    names.filter((name) => RUN.test(name)),
    (name) => RUN.exec(name)?.[1] ?? "",
  );
  const oldest = new Date(nowMs - keepDays * DAY_MS).toISOString().slice(0, 16).replace(":", "-");
  return [...runs]
    .sort(([a], [b]) => (a < b ? 1 : -1))
    .flatMap(([run, own], at) => (at >= keep || run < oldest ? own : []));
}
