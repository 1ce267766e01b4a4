/** The little of an ELF file (System V ABI, chapter 4) that says where it runs. */
import { open } from "node:fs/promises";

export type ElfMachine = "x64" | "arm64" | "another machine";

const MAGIC = Buffer.from([0x7f, 0x45, 0x4c, 0x46]);
/** Through `e_machine`, at offset 18. */
const HEADER_BYTES = 20;
const MACHINES: Readonly<Record<number, ElfMachine>> = { 0x3e: "x64", 0xb7: "arm64" };

/** Undefined for a file that is no ELF file. */
export async function readElfMachine(path: string): Promise<ElfMachine | undefined> {
  await using file = await open(path, "r");
  const header = Buffer.alloc(HEADER_BYTES);
  const { bytesRead } = await file.read(header, 0, HEADER_BYTES, 0);
  if (bytesRead < HEADER_BYTES || !header.subarray(0, MAGIC.length).equals(MAGIC)) return undefined;
  return MACHINES[header.readUInt16LE(18)] ?? "another machine";
}

/** Longer than the name of any version, so that none is lost between two pieces. */
const VERSION_CHARS_MAX = 24;

/**
 * The newest version of the GNU C library that symbols of a binary are bound to, or `atLeast` where that is newer. The
 * dynamic loader refuses to start it with an older library, and names are plain text in the file: `GLIBC_2.34`.
 */
export async function newestGlibc(pieces: AsyncIterable<Uint8Array>, atLeast?: string): Promise<string | undefined> {
  let newest = atLeast;
  let rest = "";
  for await (const piece of pieces) {
    const text = rest + Buffer.from(piece).toString("latin1");
    for (const [, version = ""] of text.matchAll(/GLIBC_(\d{1,3}\.\d{1,3})(?![\d.])/g)) {
      if (newest === undefined || isNewer(version, newest)) newest = version;
    }
    rest = text.slice(-VERSION_CHARS_MAX);
  }
  return newest;
}

function isNewer(one: string, other: string): boolean {
  const [[major = 0, minor = 0] = [], [otherMajor = 0, otherMinor = 0] = []] = [one, other].map((text) =>
    text.split(".").map(Number),
  );
  return major !== otherMajor ? major > otherMajor : minor > otherMinor;
}
