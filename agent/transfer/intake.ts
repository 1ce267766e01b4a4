import { FerryError } from "../../common/ferry-error.ts";
import type { Log } from "../../common/log.ts";
import { chunkListDigest, isListedChunk } from "../../protocol/transfer/chunk-list.ts";
import { pieceAt } from "../../protocol/transfer/pieces.ts";
import type { PartialArchive } from "./partial-archive.ts";

/** Chunks that are not in the list: beyond this, the sender holds other bytes than the director signed. */
const CORRUPT_CHUNKS_MAX = 256;
/** Chunk lists with a wrong digest. */
const WRONG_LISTS_MAX = 3;

/** Lets into the partial archive only what the signed deployment vouches for: its chunk list, then listed chunks. */
export class Intake {
  readonly #partial: PartialArchive;
  readonly #log: Log;
  /** Fragments of the chunk list until it is complete; at most 2.2 MB. */
  readonly #fragments = new Map<number, Uint8Array>();
  #corruptChunks = 0;
  #wrongLists = 0;

  constructor(partial: PartialArchive, log: Log) {
    this.#partial = partial;
    this.#log = log;
  }

  /** Fragments that have come, until the list is complete. */
  get fragments(): ReadonlyMap<number, Uint8Array> {
    return this.#fragments;
  }

  /** True where the piece, or the list that it completes, is written. Throws FerryError. */
  async take(piece: number, payload: Uint8Array): Promise<boolean> {
    const place = pieceAt(this.#partial.layout, piece);
    if (place.of === "list") return payload.byteLength === place.lengthBytes && this.#takeFragment(piece, payload);
    const { list } = this.#partial;
    // Nothing can be said of a chunk that overtook the list; it will be asked for.
    if (list === undefined) return false;
    if (payload.byteLength !== place.lengthBytes || !isListedChunk(list, place.index, payload)) {
      this.#countCorrupt(piece);
      return false;
    }
    await this.#partial.writeChunk(place.index, payload);
    return true;
  }

  async #takeFragment(fragment: number, payload: Uint8Array): Promise<boolean> {
    const { archive, layout } = this.#partial;
    this.#fragments.set(fragment, Uint8Array.from(payload));
    if (this.#fragments.size < layout.listPieces) return false;
    const inOrder = [...this.#fragments].toSorted(([a], [b]) => a - b).map(([, bytes]) => bytes);
    this.#fragments.clear();
    const list = Buffer.concat(inOrder);
    if (chunkListDigest(list) !== archive.chunkList) {
      this.#countWrongList();
      return false;
    }
    await this.#partial.storeList(list);
    return true;
  }

  #countWrongList(): void {
    const { sha256, chunkList } = this.#partial.archive;
    this.#wrongLists += 1;
    this.#log.warn(
      { archive: sha256, chunkList },
      "a chunk list has another digest than the deployment names: refused",
    );
    if (this.#wrongLists < WRONG_LISTS_MAX) return;
    throw otherBytes(`The chunk list that arrives is not the one that the deployment names (${chunkList})`);
  }

  #countCorrupt(piece: number): void {
    const { sha256 } = this.#partial.archive;
    this.#corruptChunks += 1;
    if (this.#corruptChunks === 1)
      this.#log.warn({ archive: sha256, piece }, "a chunk is not in the chunk list: refused");
    if (this.#corruptChunks < CORRUPT_CHUNKS_MAX) return;
    throw otherBytes(
      `${CORRUPT_CHUNKS_MAX} chunks of the archive ${sha256} did not have the digests of its chunk list`,
    );
  }
}

function otherBytes(message: string): FerryError {
  return new FerryError("transfer-failed", message, {
    hint: "The controller's copy of the bundle is damaged, or someone changes it on the way. Push the bundle again.",
  });
}
