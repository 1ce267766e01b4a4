import { createCipheriv, createHash } from "node:crypto";
import { open, rename } from "node:fs/promises";
import { join } from "node:path";
import { openShelvedArchive } from "../../controller/bundles/shelved-archive.ts";
import type { ArchiveSource } from "../../controller/transfer/archive-source.ts";
import { CHUNK_BYTES } from "../../protocol/limits.ts";
import { chunkDigest } from "../../protocol/transfer/chunk-list.ts";

/** The two files of an archive, as the controller's catalogue keeps them. */
export interface ArchivePaths {
  readonly archive: string;
  readonly chunks: string;
}

/** Writes an archive of bytes that do not compress: a key stream, the same each time. Never holds it whole. */
export async function generateArchive(directory: string, lengthBytes: number): Promise<ArchivePaths> {
  const unfinished = join(directory, "unfinished.tar");
  const cipher = createCipheriv("aes-128-ctr", Buffer.alloc(16), Buffer.alloc(16));
  const hash = createHash("sha256");
  const digests: Uint8Array[] = [];
  const file = await open(unfinished, "w");
  for (let writtenBytes = 0; writtenBytes < lengthBytes; writtenBytes += CHUNK_BYTES) {
    const chunk = cipher.update(Buffer.alloc(Math.min(CHUNK_BYTES, lengthBytes - writtenBytes)));
    hash.update(chunk);
    digests.push(chunkDigest(chunk));
    await file.writeFile(chunk);
  }
  await file.close();
  const paths = pathsIn(directory, hash.digest("hex"));
  const list = await open(paths.chunks, "w");
  await list.writeFile(Buffer.concat(digests));
  await list.close();
  await rename(unfinished, paths.archive);
  return paths;
}

function pathsIn(directory: string, sha256: string): ArchivePaths {
  return { archive: join(directory, `${sha256}.tar`), chunks: join(directory, `${sha256}.chunks`) };
}

export async function openGenerated(paths: ArchivePaths): Promise<ArchiveSource> {
  const source = await openShelvedArchive(paths);
  if (source === undefined) throw new Error(`${paths.archive} is not there`);
  return source;
}
