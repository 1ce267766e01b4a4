import { CHUNK_BYTES, CHUNKS_MAX } from "../limits.ts";
import { chunkCount, DIGEST_BYTES } from "./chunk-list.ts";

/**
 * A transfer is a row of pieces, numbered from 0: first the fragments of the chunk list (a device cannot check a chunk
 * without it), then the chunks. One numbering lets one bitmap and one way of repair serve both.
 */
export interface PieceLayout {
  /** Fragments of the chunk list, CHUNK_BYTES each, the last one shorter. */
  readonly listPieces: number;
  readonly chunks: number;
  /** Both together: the numbers from 0 up to this one, which is not a piece. */
  readonly pieces: number;
  readonly listBytes: number;
  readonly archiveBytes: number;
}

/** Of the largest archive: 37 fragments of the list and 69,906 chunks. */
export const PIECES_MAX = Math.ceil((CHUNKS_MAX * DIGEST_BYTES) / CHUNK_BYTES) + CHUNKS_MAX;

export function pieceLayout(archiveBytes: number): PieceLayout {
  const chunks = chunkCount(archiveBytes);
  const listBytes = chunks * DIGEST_BYTES;
  const listPieces = Math.ceil(listBytes / CHUNK_BYTES);
  return { listPieces, chunks, pieces: listPieces + chunks, listBytes, archiveBytes };
}

/** Where a piece lies: in the chunk list or in the archive, from which byte, how long. */
export interface PiecePlace {
  readonly of: "list" | "archive";
  /** The number of the fragment or of the chunk. */
  readonly index: number;
  readonly offsetBytes: number;
  readonly lengthBytes: number;
}

/** `piece` must be below `layout.pieces`. */
export function pieceAt(layout: PieceLayout, piece: number): PiecePlace {
  const isList = piece < layout.listPieces;
  const index = isList ? piece : piece - layout.listPieces;
  const offsetBytes = index * CHUNK_BYTES;
  const wholeBytes = isList ? layout.listBytes : layout.archiveBytes;
  const lengthBytes = Math.min(CHUNK_BYTES, wholeBytes - offsetBytes);
  return { of: isList ? "list" : "archive", index, offsetBytes, lengthBytes };
}

/** The number of the piece that a frame carries; undefined where the archive has no such piece. */
export function pieceNumber(layout: PieceLayout, of: "list" | "archive", index: number): number | undefined {
  if (of === "list") return index < layout.listPieces ? index : undefined;
  return index < layout.chunks ? layout.listPieces + index : undefined;
}
