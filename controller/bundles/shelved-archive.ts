import { open, readFile, stat, type FileHandle } from "node:fs/promises";
import { basename } from "node:path";
import { systemCodeOf } from "../../common/ferry-error.ts";
import type { Sha256 } from "../../protocol/ids.ts";
import { CHUNK_BYTES } from "../../protocol/limits.ts";
import type { ArchiveRef } from "../../protocol/trust/deployment.ts";
import { sha256 } from "../../protocol/trust/digest.ts";
import { DIGEST_BYTES } from "./archive-digests.ts";

/** An archive on the shelf, open for a transfer: reads go on even when it is removed meanwhile. */
export interface ShelvedArchive extends AsyncDisposable {
  readonly archive: ArchiveRef;
  /** The SHA-256 of each chunk, 32 bytes each, in order. */
  readonly chunkDigests: Uint8Array;
  /** CHUNK_BYTES of the archive, fewer for the last chunk. Throws RangeError for an index that it does not have. */
  readonly read: (index: number) => Promise<Uint8Array>;
}

/** Undefined where the archive or its chunk digests are not there. */
export async function openShelvedArchive(paths: {
  readonly archive: string;
  readonly chunks: string;
}): Promise<ShelvedArchive | undefined> {
  const chunkDigests = await presentOrUndefined(readFile(paths.chunks));
  const present = await presentOrUndefined(stat(paths.archive));
  if (chunkDigests === undefined || present === undefined) return undefined;
  const file = await open(paths.archive, "r");
  const { size: length } = await file.stat();
  const archive = {
    sha256: basename(paths.archive, ".tar") as Sha256,
    length,
    chunkList: sha256(chunkDigests),
  };
  return {
    archive,
    chunkDigests,
    read: (index) => readChunk(file, index, chunkDigests.byteLength / DIGEST_BYTES, length),
    [Symbol.asyncDispose]: () => file.close(),
  };
}

/** From its beginning; whoever has it open closes it. */
export async function* contentOf({ archive, read }: ShelvedArchive): AsyncGenerator<Uint8Array> {
  const chunks = Math.ceil(archive.length / CHUNK_BYTES);
  for (let index = 0; index < chunks; index += 1) yield await read(index);
}

async function readChunk(file: FileHandle, index: number, chunks: number, length: number): Promise<Uint8Array> {
  if (!Number.isInteger(index) || index < 0 || index >= chunks) {
    throw new RangeError(`chunk ${index} of an archive of ${chunks} chunks`);
  }
  const start = index * CHUNK_BYTES;
  const chunk = Buffer.allocUnsafeSlow(Math.min(CHUNK_BYTES, length - start));
  let filled = 0;
  while (filled < chunk.byteLength) {
    const { bytesRead } = await file.read(chunk, filled, chunk.byteLength - filled, start + filled);
    if (bytesRead === 0) throw new RangeError(`chunk ${index} lies beyond the end of the archive's file`);
    filled += bytesRead;
  }
  return chunk;
}

async function presentOrUndefined<T>(reading: Promise<T>): Promise<T | undefined> {
  try {
    return await reading;
  } catch (thrown) {
    if (systemCodeOf(thrown) === "ENOENT") return undefined;
    throw thrown;
  }
}
