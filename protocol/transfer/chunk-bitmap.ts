import { ProtocolError } from "../protocol-error.ts";
import { PIECES_MAX } from "./pieces.ts";

/** Bytes of the bitmap of the largest archive. */
export const BITMAP_BYTES_MAX = Math.ceil(PIECES_MAX / 8);

/**
 * Which pieces of one archive are held. As bytes: piece n is bit n % 8 (the lowest first) of byte n / 8. Bits are only
 * ever set, so any mix of an older and a newer version of the bytes names nothing that the newer one does not.
 */
export class ChunkBitmap {
  /** Pieces in all, held or not. */
  readonly size: number;
  readonly #bytes: Uint8Array;
  #count = 0;
  #firstLacking = 0;

  /** Throws OVERSIZE beyond PIECES_MAX. */
  constructor(size: number) {
    if (size > PIECES_MAX) throw new ProtocolError("OVERSIZE", "bitmap", `${size} pieces, at most ${PIECES_MAX}`);
    this.size = size;
    this.#bytes = new Uint8Array(Math.ceil(size / 8));
  }

  /** Throws SCHEMA where the bytes are not a bitmap of `size` pieces. */
  static fromBytes(bytes: Uint8Array, size: number): ChunkBitmap {
    const bitmap = new ChunkBitmap(size);
    if (bytes.byteLength !== bitmap.#bytes.byteLength) {
      throw new ProtocolError("SCHEMA", "bitmap", `${bytes.byteLength} bytes do not hold ${size} pieces`);
    }
    for (let piece = 0; piece < size; piece += 1) if (bitIn(bytes, piece)) bitmap.add(piece);
    return bitmap;
  }

  /** How many are held. */
  get count(): number {
    return this.#count;
  }

  get isComplete(): boolean {
    return this.#count === this.size;
  }

  /** The lowest piece that is not held; `size` when all are. */
  get firstLacking(): number {
    return this.#firstLacking;
  }

  has(piece: number): boolean {
    return bitIn(this.#bytes, piece);
  }

  add(piece: number): void {
    if (piece >= this.size || this.has(piece)) return;
    this.#bytes[piece >> 3] = (this.#bytes[piece >> 3] ?? 0) | (1 << (piece & 7));
    this.#count += 1;
    while (this.#firstLacking < this.size && this.has(this.#firstLacking)) this.#firstLacking += 1;
  }

  /** Another bitmap that holds these pieces too. */
  with(pieces: readonly number[]): ChunkBitmap {
    const copy = new ChunkBitmap(this.size);
    copy.#bytes.set(this.#bytes);
    copy.#count = this.#count;
    copy.#firstLacking = this.#firstLacking;
    for (const piece of pieces) copy.add(piece);
    return copy;
  }

  /** What both hold. */
  and(other: ChunkBitmap): ChunkBitmap {
    const both = new ChunkBitmap(this.size);
    if (this.#count === 0 || other.count === 0) return both;
    for (let piece = 0; piece < this.size; piece += 1) if (this.has(piece) && other.has(piece)) both.add(piece);
    return both;
  }

  /** A copy, for a message or a file. */
  toBytes(): Uint8Array {
    return this.#bytes.slice();
  }
}

function bitIn(bytes: Uint8Array, piece: number): boolean {
  return (((bytes[piece >> 3] ?? 0) >> (piece & 7)) & 1) === 1;
}
