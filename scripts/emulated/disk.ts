/** What is done to a card in another computer: a file is written onto its boot partition, its space is looked at. */
import { execFileSync } from "node:child_process";
import { constants, copyFileSync, mkdtempSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";

/** The boot partition's place in every image, as firmware-images/lib/partitions.ts plans it. */
const BOOT_AT = "4M";
const MIB = 1024 ** 2;
const SECTOR = 512;

/** `mib`: the size of the card; the image's own where it is not given. */
export function writeCard(image: string, card: string, mib?: number): void {
  copyFileSync(image, card, constants.COPYFILE_FICLONE);
  if (mib !== undefined) truncateSync(card, mib * MIB);
}

export function writeBootFile(card: string, directory: string, lines: Readonly<Record<string, string>>): void {
  const file = join(directory, "ferry-agent.env");
  // As an editor on Windows leaves it.
  writeFileSync(
    file,
    `\uFEFF${Object.entries(lines)
      .map(([key, value]) => `${key}=${value}\r\n`)
      .join("")}`,
  );
  run("mcopy", "-o", "-i", `${card}@@${BOOT_AT}`, file, "::/ferry-agent.env");
}

export function readBootFile(card: string): string {
  return run("mcopy", "-i", `${card}@@${BOOT_AT}`, "::/ferry-agent.env", "-");
}

export interface Partition {
  readonly atMib: number;
  readonly sizeMib: number;
}

export function dataPartition(card: string): Partition {
  return partitionsOf(card).at(-1) ?? none(card);
}

function partitionsOf(card: string): readonly Partition[] {
  const { partitiontable } = JSON.parse(run("sfdisk", "--json", card)) as {
    partitiontable: { partitions: { start: number; size: number }[] };
  };
  return partitiontable.partitions.map(({ start, size }) => ({
    atMib: (start * SECTOR) / MIB,
    sizeMib: (size * SECTOR) / MIB,
  }));
}

function none(card: string): never {
  throw new Error(`${card} has not the partitions of an image`);
}

/** Debian's own tool writes into the file system of a partition that is not mounted. */
export function changeData(card: string, request: string): string {
  return run("debugfs", "-w", "-R", request, `${card}?offset=${dataPartition(card).atMib * MIB}`);
}

function lookAtData(card: string, request: string): string {
  return run("debugfs", "-R", request, `${card}?offset=${dataPartition(card).atMib * MIB}`);
}

interface Said {
  /** By the device's clock. */
  readonly at: Date;
  readonly text: string;
}

/** What one of its programs has said, as the journal on the card tells it: `ferry` speaks of first starts, `ferry-agent` of all else. */
export function journalOf(
  card: string,
  directory: string,
  program: "ferry" | "ferry-agent" = "ferry",
): readonly Said[] {
  const copy = mkdtempSync(join(directory, "journal-"));
  lookAtData(card, `rdump log/journal ${copy}`);
  const lines = run("journalctl", "--directory", join(copy, "journal"), "--quiet", "-t", program, "-o", "json");
  rmSync(copy, { recursive: true });
  return lines
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => JSON.parse(line) as { readonly MESSAGE: string; readonly __REALTIME_TIMESTAMP: string })
    .map((entry) => ({ at: new Date(Number(entry.__REALTIME_TIMESTAMP) / 1_000), text: entry.MESSAGE }));
}

/** The time below which this image believes no clock. */
export function earliestTime(card: string): Date {
  const { atMib } = partitionsOf(card)[1] ?? none(card);
  const told = run("debugfs", "-R", "stat usr/lib/clock-epoch", `${card}?offset=${atMib * MIB}`);
  const seconds = /mtime: 0x([0-9a-f]+)/.exec(told)?.[1];
  if (seconds === undefined) throw new Error(`${card} has no /usr/lib/clock-epoch: ${told}`);
  return new Date(Number.parseInt(seconds, 16) * 1_000);
}

/** Whether an agent would start from this card. */
export function hasJoined(card: string): boolean {
  return lookAtData(card, "ls -p ferry-agent").includes("/agent.json/");
}

function run(program: string, ...args: readonly string[]): string {
  return execFileSync(program, args, { encoding: "utf8", stdio: ["ignore", "pipe", "pipe"], maxBuffer: 64 * MIB });
}

/** Takes all room for everybody but root, for whom ext4 keeps a twentieth. The name is `filling`. */
export function fillData(card: string, directory: string): void {
  const free = /Free blocks:\s+(\d+)/.exec(lookAtData(card, "stats"))?.[1];
  const block = /Block size:\s+(\d+)/.exec(lookAtData(card, "stats"))?.[1];
  const file = join(directory, "filling");
  // Not zeros: those would be left out.
  writeFileSync(file, Buffer.alloc((Number(free) - BLOCKS_LEFT) * Number(block), 1));
  changeData(card, `write ${file} filling`);
  rmSync(file);
}

/** Of 4 KiB: far less than what is root's, and enough for the file's own tables. */
const BLOCKS_LEFT = 256;
