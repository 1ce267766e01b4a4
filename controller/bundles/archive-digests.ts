import { createHash, type Hash } from "node:crypto";
import type { Sha256 } from "../../protocol/ids.ts";
import { CHUNK_BYTES } from "../../protocol/limits.ts";
import { sha256 } from "../../protocol/trust/digest.ts";
import type { ArchiveRef } from "../../protocol/trust/deployment.ts";

/** SHA-256 in bytes. */
export const DIGEST_BYTES = 32;

/** The digests of an archive and of each of its chunks, gathered while the bytes stream past. */
export class ArchiveDigests {
  readonly #whole = createHash("sha256");
  readonly #chunks: Buffer[] = [];
  #chunk: Hash = createHash("sha256");
  #chunkBytes = 0;
  #length = 0;

  get length(): number {
    return this.#length;
  }

  add(bytes: Uint8Array): void {
    this.#whole.update(bytes);
    this.#length += bytes.byteLength;
    for (let at = 0; at < bytes.byteLength;) {
      const part = bytes.subarray(at, at + CHUNK_BYTES - this.#chunkBytes);
      this.#chunk.update(part);
      this.#chunkBytes += part.byteLength;
      at += part.byteLength;
      if (this.#chunkBytes === CHUNK_BYTES) this.#endChunk();
    }
  }

  /** Call once, after the last byte. `chunkDigests` are the raw SHA-256s, one after another. */
  finish(): { readonly archive: ArchiveRef; readonly chunkDigests: Buffer } {
    if (this.#chunkBytes > 0) this.#endChunk();
    const chunkDigests = Buffer.concat(this.#chunks);
    const whole = this.#whole.digest("hex") as Sha256;
    return { archive: { sha256: whole, length: this.#length, chunkList: sha256(chunkDigests) }, chunkDigests };
  }

  #endChunk(): void {
    this.#chunks.push(this.#chunk.digest());
    this.#chunk = createHash("sha256");
    this.#chunkBytes = 0;
  }
}
