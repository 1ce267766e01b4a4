import { createHash } from "node:crypto";
import type { Sha256 } from "../ids.ts";
import { CHUNK_BYTES } from "../limits.ts";
import { sha256 } from "../trust/digest.ts";

/** Bytes of one SHA-256. The list is the concatenation of the digests of all chunks, in order. */
export const DIGEST_BYTES = 32;

/** The digest with which one chunk stands in the list. */
export function chunkDigest(chunk: Uint8Array): Uint8Array {
  return createHash("sha256").update(chunk).digest();
}

/** The digest of the list itself: what a signed deployment names as `chunkList`. */
export function chunkListDigest(digests: Uint8Array): Sha256 {
  return sha256(digests);
}

/** How many chunks an archive of this length has; the last one is shorter unless the length is a multiple. */
export function chunkCount(archiveBytes: number): number {
  return Math.ceil(archiveBytes / CHUNK_BYTES);
}

/** True where these bytes are chunk number `index` of the list. */
export function isListedChunk(digests: Uint8Array, index: number, chunk: Uint8Array): boolean {
  const listed = digests.subarray(index * DIGEST_BYTES, (index + 1) * DIGEST_BYTES);
  return listed.byteLength === DIGEST_BYTES && Buffer.compare(listed, chunkDigest(chunk)) === 0;
}
