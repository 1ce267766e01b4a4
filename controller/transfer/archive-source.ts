import type { ArchiveRef } from "../../protocol/trust/deployment.ts";

/** One stored archive, read piecemeal: nobody holds it whole in memory. */
export interface ArchiveSource extends AsyncDisposable {
  readonly archive: ArchiveRef;
  /** The chunk list: the SHA-256 of every chunk, concatenated; its own SHA-256 is `archive.chunkList`. */
  readonly chunkDigests: Uint8Array;
  /** The bytes of one chunk: CHUNK_BYTES, the last one fewer. Rejects where the file cannot be read. */
  readonly read: (index: number) => Promise<Uint8Array>;
}
