import { lstat, stat } from "node:fs/promises";
import { join } from "node:path";
import { EXIT, FerryError, systemCodeOf } from "../../common/ferry-error.ts";
import { listFiles, readRegularFile } from "../../common/hash-directory.ts";
import { SIGNATURE_FOLDER } from "../../protocol/bundle/bundle-path.ts";
import { BUNDLE_FILES_MAX, SIGNATURES_MAX } from "../../protocol/limits.ts";
import { UNSIGNED_PATHS } from "../../protocol/trust/model-statement.ts";
import type { ArchiveEntry } from "./archive-entries.ts";
import { writeArchive } from "./write-archive.ts";

/** A bundle on this machine: its directory, or the archive that was built of one. Both are read as an archive. */
export interface BundleSource {
  readonly kind: "directory" | "archive";
  readonly path: string;
  /** The archive's bytes, from the start, as often as they are asked for. */
  readonly stream: () => AsyncIterable<Uint8Array>;
}

/** Throws FerryError `not-found`. */
export async function openBundleSource(path: string): Promise<BundleSource> {
  // The bundle itself may be reached through a link; within it there are none.
  const stats = await stat(path).catch((cause: unknown) => {
    if (systemCodeOf(cause) !== "ENOENT") throw cause;
    throw new FerryError("not-found", `There is no ${path}`, {
      hint: "Give the directory of a bundle, or a .bundle.tar that `ferry bundle build` wrote.",
      exitCode: EXIT.notFound,
      cause,
    });
  });
  return stats.isDirectory()
    ? { kind: "directory", path, stream: () => writeArchive(entriesOfDirectory(path)) }
    : { kind: "archive", path, stream: () => readRegularFile(path) };
}

/** Paths of the files that a signature covers, in byte order. Throws FerryError. */
export function bundleFiles(directory: string): Promise<string[]> {
  return listFiles(directory, { ignore: UNSIGNED_PATHS, filesMax: BUNDLE_FILES_MAX });
}

/** Paths of a bundle's signatures, in byte order; none where it is not signed. */
export async function signaturePaths(directory: string): Promise<string[]> {
  try {
    const names = await listFiles(join(directory, SIGNATURE_FOLDER), { filesMax: SIGNATURES_MAX });
    return names.filter((name) => name.endsWith(".sig")).map((name) => `${SIGNATURE_FOLDER}/${name}`);
  } catch (thrown) {
    if (thrown instanceof FerryError && thrown.code === "not-found") return [];
    throw thrown;
  }
}

/** Byte order, so that the archive does not depend on the order in which a file system lists its files. */
async function* entriesOfDirectory(directory: string): AsyncGenerator<ArchiveEntry> {
  const paths = [...(await signaturePaths(directory)), ...(await bundleFiles(directory))];
  for (const name of paths.sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)))) {
    const path = join(directory, name);
    const { size } = await lstat(path);
    yield { name, sizeBytes: size, content: readRegularFile(path) };
  }
}
