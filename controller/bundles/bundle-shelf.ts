import { randomUUID } from "node:crypto";
import { mkdir, open, readdir, rename, rm, type FileHandle } from "node:fs/promises";
import { join } from "node:path";
import { FerryError, systemCodeOf } from "../../common/ferry-error.ts";
import type { Sha256 } from "../../protocol/ids.ts";
import { BUNDLE_BYTES_MAX } from "../../protocol/limits.ts";
import type { ArchiveRef } from "../../protocol/trust/deployment.ts";
import { BundleRefused } from "../../protocol/trust/model-signing.ts";
import type { Role } from "../../protocol/trust/root.ts";
import { ArchiveDigests } from "./archive-digests.ts";
import { readArchive } from "./read-archive.ts";
import { openShelvedArchive, type ShelvedArchive } from "./shelved-archive.ts";
import { verifyArchive, type VerifiedArchive } from "./verify-archive.ts";

/** A bundle that the publisher signed and whose every file is the signed one, on the controller's disk. */
export interface ShelvedBundle extends VerifiedArchive {
  readonly archive: ArchiveRef;
}

/** The controller's directory of verified archives, each under its own SHA-256. */
export interface BundleShelf {
  /**
   * Takes an archive in as it streams, with memory that does not grow with it. The same archive again changes nothing.
   * Throws BundleRefused, FerryError `disk-full`, or what the stream throws; then nothing of it stays on disk.
   */
  readonly accept: (stream: AsyncIterable<Uint8Array>, options: { readonly publisher: Role }) => Promise<ShelvedBundle>;
  /** Undefined where no such archive is on the shelf. */
  readonly openArchive: (sha256: Sha256) => Promise<ShelvedArchive | undefined>;
  /** Transfers that have the archive open go on to its end. */
  readonly remove: (sha256: Sha256) => Promise<void>;
}

/** What an archive is called until it has been verified and is wholly on disk. */
const UNFINISHED = ".part";

/** Makes the directory where it is not there, and clears what a crash left in the middle of an `accept`. */
export async function openShelf(directory: string): Promise<BundleShelf> {
  await mkdir(directory, { recursive: true });
  for (const name of await readdir(directory)) {
    if (name.endsWith(UNFINISHED)) await rm(join(directory, name), { force: true });
  }
  return {
    accept: (stream, { publisher }) => accept(directory, stream, publisher),
    openArchive: (sha256) => openShelvedArchive(pathsOf(directory, sha256)),
    remove: async (sha256) => {
      const { archive, chunks } = pathsOf(directory, sha256);
      await rm(archive, { force: true });
      await rm(chunks, { force: true });
    },
  };
}

function pathsOf(directory: string, sha256: Sha256) {
  return { archive: join(directory, `${sha256}.tar`), chunks: join(directory, `${sha256}.chunks`) };
}

async function accept(directory: string, stream: AsyncIterable<Uint8Array>, publisher: Role): Promise<ShelvedBundle> {
  const unfinished = join(directory, `${randomUUID()}${UNFINISHED}`);
  try {
    const digests = new ArchiveDigests();
    const read = await storing(unfinished, (file) => readArchive(storedOnTheWay(stream, file, digests)));
    const verified = verifyArchive(read, publisher);
    const { archive, chunkDigests } = digests.finish();
    const paths = pathsOf(directory, archive.sha256);
    // The archive last: where it is, its chunk digests are.
    await storing(`${unfinished}.chunks${UNFINISHED}`, (file) => file.writeFile(chunkDigests));
    await rename(`${unfinished}.chunks${UNFINISHED}`, paths.chunks);
    await rename(unfinished, paths.archive);
    await syncFolder(directory);
    return { ...verified, archive };
  } catch (thrown) {
    await rm(unfinished, { force: true });
    await rm(`${unfinished}.chunks${UNFINISHED}`, { force: true });
    throw systemCodeOf(thrown) === "ENOSPC" || systemCodeOf(thrown) === "EDQUOT" ? diskFull(directory, thrown) : thrown;
  }
}

/** A new file whose bytes are on disk when `write` has come back. */
async function storing<T>(path: string, write: (file: FileHandle) => Promise<T>): Promise<T> {
  await using file = await open(path, "wx");
  const result = await write(file);
  await file.sync();
  return result;
}

/** Passes the stream on piece by piece; each is on its way to disk and in the digests before the reader sees it. */
async function* storedOnTheWay(
  stream: AsyncIterable<Uint8Array>,
  file: FileHandle,
  digests: ArchiveDigests,
): AsyncGenerator<Uint8Array> {
  for await (const bytes of stream) {
    if (digests.length + bytes.byteLength > BUNDLE_BYTES_MAX) {
      throw new BundleRefused("archive-malformed", `The archive is longer than ${BUNDLE_BYTES_MAX} bytes`);
    }
    digests.add(bytes);
    // `write` alone may store a part only.
    await file.writeFile(bytes);
    yield bytes;
  }
}

async function syncFolder(path: string): Promise<void> {
  await using folder = await open(path, "r");
  await folder.sync();
}

function diskFull(directory: string, cause: unknown): FerryError {
  return new FerryError("disk-full", `The disk is full: the bundle could not be stored in ${directory}`, {
    hint: "Make room there and push the bundle again; nothing of it was kept.",
    cause,
  });
}
