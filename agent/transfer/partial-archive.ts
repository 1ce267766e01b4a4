import { createHash } from "node:crypto";
import { mkdir, open, readFile, rename, rm, stat, statfs, type FileHandle } from "node:fs/promises";
import { join } from "node:path";
import { FerryError, messageOf, systemCodeOf } from "../../common/ferry-error.ts";
import type { Sha256 } from "../../protocol/ids.ts";
import { CHUNK_BYTES } from "../../protocol/limits.ts";
import { ChunkBitmap } from "../../protocol/transfer/chunk-bitmap.ts";
import { chunkListDigest } from "../../protocol/transfer/chunk-list.ts";
import { pieceLayout, type PieceLayout } from "../../protocol/transfer/pieces.ts";
import type { ArchiveRef } from "../../protocol/trust/deployment.ts";

/** Left free for the rest of the device when a transfer begins. */
const DISK_RESERVE_BYTES = 16 * 1024 ** 2;
/** Read at once when the whole file is checked. */
const CHECK_READ_BYTES = 256 * 1024;

/** The files of one archive in the transfer directory. */
export function archiveFiles(directory: string, sha256: Sha256) {
  const base = join(directory, sha256);
  return {
    /** Complete, its SHA-256 checked. */
    complete: `${base}.archive`,
    /** Under way: chunks at their places, holes between them. */
    part: `${base}.part`,
    /** The bitmap of what `part` holds. */
    held: `${base}.held`,
    /** The chunk list, complete and checked. */
    list: `${base}.list`,
  } as const;
}

/**
 * An archive that grows on disk. What `held` names has reached the disk: the file is synced first, then the bitmap is
 * written over the old one, in place. A power cut at any point leaves each byte of the bitmap old or new, and both name
 * only pieces that the file holds. Every method throws FerryError: `disk-full`, `transfer-failed`, `archive-digest`.
 */
export class PartialArchive implements AsyncDisposable {
  readonly archive: ArchiveRef;
  readonly layout: PieceLayout;
  /** Written, though a power cut may still take it. */
  readonly written: ChunkBitmap;
  readonly #files: ReturnType<typeof archiveFiles>;
  readonly #part: FileHandle;
  readonly #sidecar: FileHandle;
  #held: ChunkBitmap;
  #list: Uint8Array | undefined;
  #unsynced: number[] = [];
  #syncing: Promise<void> = Promise.resolve();

  private constructor(
    archive: ArchiveRef,
    files: ReturnType<typeof archiveFiles>,
    handles: { readonly part: FileHandle; readonly sidecar: FileHandle },
    found: Found,
  ) {
    this.archive = archive;
    this.layout = pieceLayout(archive.length);
    this.#files = files;
    this.#part = handles.part;
    this.#sidecar = handles.sidecar;
    this.#held = found.held;
    this.#list = found.list;
    this.written = found.held.with([]);
  }

  /** Resumes what the directory holds of this archive, or begins. */
  static async open(directory: string, archive: ArchiveRef): Promise<PartialArchive> {
    return translated(directory, async () => {
      await mkdir(directory, { recursive: true, mode: 0o700 });
      const files = archiveFiles(directory, archive.sha256);
      const found = await findHeld(files, archive);
      if (found !== undefined) {
        const handles = { part: await open(files.part, "r+"), sidecar: await open(files.held, "r+") };
        return new PartialArchive(archive, files, handles, found);
      }
      for (const path of Object.values(files)) await rm(path, { force: true });
      await requireSpace(directory, archive.length);
      const held = new ChunkBitmap(pieceLayout(archive.length).pieces);
      const handles = { part: await open(files.part, "w+", 0o600), sidecar: await open(files.held, "w+", 0o600) };
      await handles.sidecar.write(held.toBytes(), 0, null, 0);
      return new PartialArchive(archive, files, handles, { held, list: undefined });
    });
  }

  /** What survives a power cut, and may be acknowledged. */
  get held(): ChunkBitmap {
    return this.#held;
  }

  /** The chunk list, once it is complete. */
  get list(): Uint8Array | undefined {
    return this.#list;
  }

  get unsyncedPieces(): number {
    return this.#unsynced.length;
  }

  get heldBytes(): number {
    const chunks = this.#held.count - (this.#list === undefined ? 0 : this.layout.listPieces);
    return Math.min(this.layout.archiveBytes, chunks * CHUNK_BYTES);
  }

  /** Takes the complete chunk list. Its digest is what the deployment names: the caller has checked that. */
  async storeList(list: Uint8Array): Promise<void> {
    await translated(this.#files.list, async () => {
      await writeWhole(this.#files.list, list);
    });
    this.#list = list;
    const fragments = Array.from({ length: this.layout.listPieces }, (_, fragment) => fragment);
    for (const fragment of fragments) this.written.add(fragment);
    this.#unsynced.push(...fragments);
  }

  /** Writes a chunk to its place. Its digest has been checked against the list. */
  async writeChunk(index: number, bytes: Uint8Array): Promise<void> {
    await translated(this.#files.part, () => this.#part.write(bytes, 0, bytes.byteLength, index * CHUNK_BYTES));
    const piece = this.layout.listPieces + index;
    if (this.written.has(piece)) return;
    this.written.add(piece);
    this.#unsynced.push(piece);
  }

  /** Brings everything that is written to the disk, then the bitmap. Calls at the same time wait for each other. */
  sync(): Promise<void> {
    const after = this.#syncing.then(() => this.#syncNow());
    this.#syncing = after.catch(() => undefined);
    return after;
  }

  async #syncNow(): Promise<void> {
    const pieces = this.#unsynced;
    if (pieces.length === 0) return;
    this.#unsynced = [];
    const held = this.#held.with(pieces);
    await translated(this.#files.part, async () => {
      await this.#part.datasync();
      await this.#sidecar.write(held.toBytes(), 0, null, 0);
      await this.#sidecar.datasync();
    });
    this.#held = held;
  }

  /**
   * Checks the whole file and gives it its final name, which this returns. A file with another SHA-256 than the
   * deployment's is removed: the chunk list was for other bytes, so asking again would bring the same ones.
   */
  async finish(signal: AbortSignal): Promise<string> {
    await this.sync();
    const found = await translated(this.#files.part, () => fileSha256(this.#files.part, signal));
    if (found !== this.archive.sha256) {
      await this.remove();
      throw new FerryError(
        "archive-digest",
        `The archive that arrived has the SHA-256 ${found}, but the deployment names ${this.archive.sha256}`,
        { hint: "Push the bundle again on the controller, then roll it out again." },
      );
    }
    await translated(this.#files.part, async () => {
      await rename(this.#files.part, this.#files.complete);
      await syncDirectoryOf(this.#files.complete);
      await rm(this.#files.held, { force: true });
      await rm(this.#files.list, { force: true });
    });
    return this.#files.complete;
  }

  async remove(): Promise<void> {
    for (const path of Object.values(this.#files)) await rm(path, { force: true });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#syncing;
    await this.#part.close();
    await this.#sidecar.close();
  }
}

interface Found {
  readonly held: ChunkBitmap;
  readonly list: Uint8Array | undefined;
}

/** What an earlier run left; undefined where it cannot be used. A list of other chunks makes the chunks worthless. */
async function findHeld(files: ReturnType<typeof archiveFiles>, archive: ArchiveRef): Promise<Found | undefined> {
  const { pieces, listPieces } = pieceLayout(archive.length);
  try {
    const list = await readFile(files.list);
    if (chunkListDigest(list) !== archive.chunkList) return undefined;
    await stat(files.part);
    const bitmap = ChunkBitmap.fromBytes(await readFile(files.held), pieces);
    return { held: bitmap.with(Array.from({ length: listPieces }, (_, fragment) => fragment)), list };
  } catch {
    return undefined;
  }
}

/** The SHA-256 of a file, read through one buffer: a stream would leave tens of megabytes for the collector. */
export async function fileSha256(path: string, signal: AbortSignal): Promise<string> {
  const hash = createHash("sha256");
  const buffer = Buffer.allocUnsafeSlow(CHECK_READ_BYTES);
  const file = await open(path, "r");
  try {
    for (;;) {
      signal.throwIfAborted();
      const { bytesRead } = await file.read(buffer, 0, buffer.byteLength, null);
      if (bytesRead === 0) return hash.digest("hex");
      hash.update(buffer.subarray(0, bytesRead));
    }
  } finally {
    await file.close();
  }
}

async function requireSpace(directory: string, neededBytes: number): Promise<void> {
  const { bavail, bsize } = await statfs(directory);
  const freeBytes = bavail * bsize;
  if (freeBytes >= neededBytes + DISK_RESERVE_BYTES) return;
  throw diskFull(
    directory,
    `${neededBytes} bytes are needed, ${freeBytes} are free, ${DISK_RESERVE_BYTES} are kept free`,
  );
}

async function writeWhole(path: string, bytes: Uint8Array): Promise<void> {
  const unfinished = `${path}.tmp`;
  const file = await open(unfinished, "w", 0o600);
  try {
    await file.writeFile(bytes);
    await file.datasync();
  } finally {
    await file.close();
  }
  await rename(unfinished, path);
  await syncDirectoryOf(path);
}

/** A new name survives a power cut only once its directory has been synced. */
async function syncDirectoryOf(path: string): Promise<void> {
  const directory = await open(join(path, ".."), "r");
  try {
    await directory.sync();
  } finally {
    await directory.close();
  }
}

/** Runs file work and turns the system's errors into ours. */
async function translated<T>(path: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (cause) {
    const code = systemCodeOf(cause);
    if (cause instanceof FerryError || code === undefined) throw cause;
    if (code === "ENOSPC" || code === "EDQUOT") throw diskFull(path, messageOf(cause), cause);
    throw new FerryError("transfer-failed", `The archive cannot be kept in ${path}: ${messageOf(cause)}`, {
      hint: "Check that the agent's directory exists, can be written, and that its disk is sound.",
      cause,
    });
  }
}

function diskFull(path: string, why: string, cause?: unknown): FerryError {
  return new FerryError("disk-full", `No room for the archive in ${path}: ${why}`, {
    hint: "Free space on the device; the transfer then goes on from where it stopped.",
    cause,
  });
}
