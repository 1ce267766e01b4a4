import { createHash } from "node:crypto";
import { constants } from "node:fs";
import { open, readdir } from "node:fs/promises";
import { join } from "node:path";
import { FerryError, systemCodeOf } from "./ferry-error.ts";

export interface HashedFile {
  /** Lower-case hexadecimal. */
  readonly sha256: string;
  readonly sizeBytes: number;
}

interface DirectoryRules {
  /** Paths below the directory, `/` between segments, that are passed over with all that lies under them. */
  readonly ignore?: readonly string[];
  /** More files than this are refused before any is read. */
  readonly filesMax: number;
}

/** A piece for whoever keeps it: large enough that the system call is cheap, small enough that many are no burden. */
const READ_BYTES = 65_536;

/**
 * One read of what is only hashed. With 64 KiB, asking for the pieces costs half as much again as hashing them; this takes
 * a Raspberry Pi 4 about 3 ms, for which it does nothing else.
 */
const HASH_READ_BYTES = 524_288;

/**
 * The SHA-256 of each file below a directory, by path in byte order, in constant memory. Links, devices and sockets are
 * refused, and a file is never followed through a link: what was hashed lies in the directory. Throws FerryError.
 */
export async function hashDirectory(directory: string, rules: DirectoryRules): Promise<Map<string, HashedFile>> {
  const files = new Map<string, HashedFile>();
  const buffer = newHashBuffer();
  for (const path of await listFiles(directory, rules)) files.set(path, await hashFile(join(directory, path), buffer));
  return files;
}

/** The paths of the regular files below a directory, `/` between segments, in byte order. Throws FerryError. */
export async function listFiles(directory: string, { ignore = [], filesMax }: DirectoryRules): Promise<string[]> {
  const ignored = new Set(ignore);
  const files: string[] = [];
  const folders = [""];
  for (let folder = folders.pop(); folder !== undefined; folder = folders.pop()) {
    for (const entry of await readFolder(join(directory, folder))) {
      const path = folder === "" ? entry.name : `${folder}/${entry.name}`;
      if (ignored.has(path)) continue;
      if (entry.isDirectory()) folders.push(path);
      else if (entry.isFile()) files.push(path);
      else throw irregular(join(directory, path), entry.isSymbolicLink() ? "a symbolic link" : "not a regular file");
      if (entry.name.includes("\uFFFD")) throw irregular(join(directory, path), "named with bytes that are not UTF-8");
      if (files.length > filesMax) {
        throw new FerryError("too-many-files", `${directory} holds more than ${filesMax} files`, {
          hint: "Is it the right directory? Move away what does not belong to the model.",
        });
      }
    }
  }
  return files.sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)));
}

/** For one file after another: fresh ones would pile up, by tens of megabytes, until the next garbage collection. */
function newHashBuffer(): Buffer {
  return Buffer.allocUnsafeSlow(HASH_READ_BYTES);
}

/** SHA-256 and size of one regular file, read once in constant memory. Throws FerryError, or the system's error. */
export async function hashFile(path: string, buffer = newHashBuffer()): Promise<HashedFile> {
  await using file = await openRegularFile(path);
  const hash = createHash("sha256");
  let sizeBytes = 0;
  for (;;) {
    const { bytesRead } = await file.read(buffer, 0, buffer.byteLength, null);
    if (bytesRead === 0) return { sha256: hash.digest("hex"), sizeBytes };
    hash.update(buffer.subarray(0, bytesRead));
    sizeBytes += bytesRead;
  }
}

/** A regular file's bytes, in pieces that the caller may keep. Refuses a link in the file's own place. */
export async function* readRegularFile(path: string): AsyncGenerator<Buffer> {
  await using file = await openRegularFile(path);
  for (;;) {
    const buffer = Buffer.allocUnsafeSlow(READ_BYTES);
    const { bytesRead } = await file.read(buffer, 0, READ_BYTES, null);
    if (bytesRead === 0) return;
    yield buffer.subarray(0, bytesRead);
  }
}

async function openRegularFile(path: string) {
  let file;
  try {
    // Non-blocking, so that a pipe in the file's place cannot hold the program up.
    file = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  } catch (thrown) {
    if (systemCodeOf(thrown) === "ELOOP") throw irregular(path, "a symbolic link");
    throw thrown;
  }
  if ((await file.stat()).isFile()) return file;
  await file.close();
  throw irregular(path, "not a regular file");
}

async function readFolder(path: string) {
  try {
    return await readdir(path, { withFileTypes: true });
  } catch (cause) {
    const code = systemCodeOf(cause);
    if (code !== "ENOENT" && code !== "ENOTDIR") throw cause;
    throw new FerryError("not-found", `${path} is not a directory`, {
      hint: "Check the path.",
      exitCode: 3,
      cause,
    });
  }
}

function irregular(path: string, what: string): FerryError {
  return new FerryError("irregular-file", `${path} is ${what}`, {
    hint: "Only regular files and directories are signed and sent. Put a copy of the file in its place, or remove it.",
  });
}
