import type { ArchiveSource } from "./archive-source.ts";

/** Chunks kept after they were read: 3.8 MB an archive, so that a repair right after the broadcast reads no disk. */
export const CACHED_CHUNKS_MAX = 64;

/** Reads chunks through a small cache that forgets the one used longest ago. Reads of one chunk are shared. */
export class ChunkCache {
  readonly #read: ArchiveSource["read"];
  readonly #chunks = new Map<number, Promise<Uint8Array>>();

  constructor(source: Pick<ArchiveSource, "read">) {
    this.#read = source.read;
  }

  get size(): number {
    return this.#chunks.size;
  }

  async read(index: number): Promise<Uint8Array> {
    const chunk = this.#chunks.get(index) ?? this.#read(index);
    this.#chunks.delete(index);
    this.#chunks.set(index, chunk);
    for (const oldest of this.#chunks.keys()) {
      if (this.#chunks.size <= CACHED_CHUNKS_MAX) break;
      this.#chunks.delete(oldest);
    }
    try {
      return await chunk;
    } catch (error) {
      this.#chunks.delete(index);
      throw error;
    }
  }
}
