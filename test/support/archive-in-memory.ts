import { createCipheriv, createHash } from "node:crypto";
import type { ArchiveSource } from "../../controller/transfer/archive-source.ts";
import { CHUNK_BYTES } from "../../protocol/limits.ts";
import { chunkCount, chunkDigest, chunkListDigest } from "../../protocol/transfer/chunk-list.ts";
import { sha256 } from "../../protocol/trust/digest.ts";
import type { ArchiveRef } from "../../protocol/trust/deployment.ts";

export interface ArchiveInMemory {
  readonly archive: ArchiveRef;
  readonly bytes: Uint8Array;
  /** A source as the controller opens it; `reads` counts what it was asked for. */
  readonly source: () => ArchiveSource;
  readonly reads: Map<number, number>;
}

/** A source as the controller opens it, of bytes in memory. */
export function archiveSourceOf(bytes: Uint8Array): ArchiveSource {
  const chunkAt = (index: number) => bytes.subarray(index * CHUNK_BYTES, (index + 1) * CHUNK_BYTES);
  const chunks = Array.from({ length: chunkCount(bytes.byteLength) }, (_, index) => index);
  const chunkDigests = Buffer.concat(chunks.map((index) => chunkDigest(chunkAt(index))));
  return {
    archive: { sha256: sha256(bytes), length: bytes.byteLength, chunkList: chunkListDigest(chunkDigests) },
    chunkDigests,
    read: (index) => Promise.resolve(chunkAt(index)),
    [Symbol.asyncDispose]: () => Promise.resolve(),
  };
}

/** An archive of pseudo-random bytes: the same seed and length, the same bytes. */
export function archiveInMemory(lengthBytes: number, seed = "seed"): ArchiveInMemory {
  const key = createHash("sha256").update(seed).digest();
  const bytes = createCipheriv("aes-256-ctr", key, Buffer.alloc(16)).update(Buffer.alloc(lengthBytes));
  const chunkAt = (index: number) => bytes.subarray(index * CHUNK_BYTES, (index + 1) * CHUNK_BYTES);
  const chunks = Array.from({ length: chunkCount(lengthBytes) }, (_, index) => index);
  const chunkDigests = Buffer.concat(chunks.map((index) => chunkDigest(chunkAt(index))));
  const archive = { sha256: sha256(bytes), length: lengthBytes, chunkList: chunkListDigest(chunkDigests) };
  const reads = new Map<number, number>();
  return {
    archive,
    bytes,
    reads,
    source: () => ({
      archive,
      chunkDigests,
      read: (index) => {
        reads.set(index, (reads.get(index) ?? 0) + 1);
        return Promise.resolve(chunkAt(index));
      },
      [Symbol.asyncDispose]: () => Promise.resolve(),
    }),
  };
}
