/** A bundle's archive, which nobody has vouched for yet, into a directory that only the agent can read. */
import { createReadStream } from "node:fs";
import { mkdir, open } from "node:fs/promises";
import { dirname, join } from "node:path";
import { finished } from "node:stream/promises";
import { extract, type Header } from "tar-stream";
import { messageOf, systemCodeOf } from "../../common/ferry-error.ts";
import { checkBundlePath, checkNoTwins } from "../../protocol/bundle/bundle-path.ts";
import { BUNDLE_BYTES_MAX, BUNDLE_FILES_MAX, SIGNATURES_MAX } from "../../protocol/limits.ts";
import { ProtocolError } from "../../protocol/protocol-error.ts";
import { BundleRefused } from "../../protocol/trust/model-signing.ts";
import { syncPath } from "./durable-file.ts";

/** One read of the archive. Four times as much makes the process 40 MB larger, because buffers are freed late, and no faster. */
const READ_BYTES = 65_536;

/** The signed files and their signatures; a generous count, so that the message about too many names the right cause. */
const ENTRIES_MAX = BUNDLE_FILES_MAX + SIGNATURES_MAX + 1;

/**
 * Writes the archive's regular files below `directory`, which must exist and be empty, and syncs them to disk. Anything
 * else in the archive (a link, a device, an absolute path, `..`, two names for one file) refuses it as a whole.
 * Throws BundleRefused `archive-malformed` or `disk-full`; what was written so far is the caller's to remove.
 */
export async function extractArchive(archive: string, directory: string, signal: AbortSignal): Promise<void> {
  const unpack = extract();
  const reading = createReadStream(archive, { highWaterMark: READ_BYTES, signal });
  reading.on("error", (error) => {
    unpack.destroy(error);
  });
  reading.pipe(unpack);
  const paths: string[] = [];
  const folders = new Set([directory]);
  let totalBytes = 0;
  try {
    for await (const entry of unpack) {
      const { name, size } = entry.header;
      checkEntry(entry.header);
      paths.push(name);
      totalBytes += size;
      if (paths.length > ENTRIES_MAX) throw malformed(`holds more than ${ENTRIES_MAX} files`);
      if (totalBytes > BUNDLE_BYTES_MAX) throw malformed(`unpacks to more than ${BUNDLE_BYTES_MAX} bytes`);
      const path = join(directory, name);
      await mkdir(dirname(path), { recursive: true, mode: 0o700 });
      for (let folder = dirname(path); folder.length > directory.length; folder = dirname(folder)) folders.add(folder);
      await writeEntry(path, entry);
    }
    checkNoTwins(paths);
    // Only what may become a bundle is worth the disk's time.
    for (const path of paths) await syncPath(join(directory, path));
    for (const folder of folders) await syncPath(folder);
  } catch (thrown) {
    throw refusalFrom(thrown, signal);
  } finally {
    reading.destroy();
    unpack.destroy();
    await finished(reading).catch(() => undefined);
  }
}

function checkEntry({ name, type }: Header): void {
  if (type !== "file") throw malformed(`${JSON.stringify(name)} is a ${type}, not a file`);
  checkBundlePath(name);
}

async function writeEntry(path: string, content: AsyncIterable<unknown>): Promise<void> {
  // `wx` never follows a link and never replaces, so two names for one file fail here on any file system.
  await using file = await open(path, "wx", 0o600);
  for await (const bytes of content) {
    if (bytes instanceof Uint8Array) await file.write(bytes);
  }
}

function malformed(why: string): BundleRefused {
  return new BundleRefused("archive-malformed", `The bundle's archive ${why}`);
}

function refusalFrom(thrown: unknown, signal: AbortSignal): unknown {
  if (signal.aborted || thrown instanceof BundleRefused) return thrown;
  if (thrown instanceof ProtocolError) {
    return new BundleRefused("archive-malformed", `The bundle's archive cannot be unpacked: ${thrown.message}`, {
      cause: thrown,
    });
  }
  switch (systemCodeOf(thrown)) {
    case undefined:
    case "STREAM_DESTROYED":
      // The reader's own complaints: a header that is none, data that ends too soon.
      return malformed(`is no tar archive, or ends too soon (${messageOf(thrown)})`);
    case "ENOSPC":
    case "EDQUOT":
      return new BundleRefused("disk-full", "The disk is full: the bundle cannot be unpacked", { cause: thrown });
    case "EEXIST":
    case "ENOTDIR":
    case "EISDIR":
      return malformed("uses one name for a file and for a directory");
    default:
      return thrown;
  }
}
