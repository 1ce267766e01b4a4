import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { extract } from "tar-stream";
import { messageOf } from "../../common/ferry-error.ts";
import { checkBundlePath, checkNoTwins } from "../../protocol/bundle/bundle-path.ts";
import { BUNDLE_BYTES_MAX, BUNDLE_FILES_MAX, SIGNATURES_MAX } from "../../protocol/limits.ts";
import { ProtocolError } from "../../protocol/protocol-error.ts";
import { BundleRefused } from "../../protocol/trust/model-signing.ts";

export interface ArchiveEntry {
  readonly name: string;
  readonly sizeBytes: number;
  /** To be read, or left, before the next entry is asked for. */
  readonly content: AsyncIterable<Uint8Array>;
}

/**
 * The regular files of a tar, one after another as it streams past, in constant memory. Anything but a regular file, a
 * path that is not safe to create, names that coincide, more files or bytes than a bundle may have: throws BundleRefused
 * `archive-malformed`. What the source throws passes through as it is.
 */
export async function* archiveEntries(source: AsyncIterable<Uint8Array>): AsyncGenerator<ArchiveEntry> {
  const tar = extract();
  const failure: { ofSource?: { readonly thrown: unknown } } = {};
  const feeding = pipeline(Readable.from(noteFailure(source, failure), { objectMode: true }), tar);
  // Its outcome is looked at below; a reader that stops early must not leave a rejection that nobody handles.
  feeding.catch(() => undefined);
  const names: string[] = [];
  let totalBytes = 0;
  try {
    for await (const entry of tar) {
      const { name, type, size } = entry.header;
      if (type !== "file") throw malformed(`${JSON.stringify(name)} is not a regular file but a ${type}`);
      checkPath(() => {
        checkBundlePath(name);
      });
      names.push(name);
      totalBytes += size;
      if (names.length > BUNDLE_FILES_MAX + SIGNATURES_MAX)
        throw malformed(`it holds more than ${BUNDLE_FILES_MAX} files`);
      if (totalBytes > BUNDLE_BYTES_MAX) throw malformed(`its files have more than ${BUNDLE_BYTES_MAX} bytes`);
      yield { name, sizeBytes: size, content: guarded(entry, failure) };
      entry.resume();
    }
    await feeding;
  } catch (thrown) {
    throw translated(thrown, failure);
  }
  checkPath(() => {
    checkNoTwins(names);
  });
}

interface Failure {
  ofSource?: { readonly thrown: unknown };
}

/** Only what the source itself throws is its failure: what ends the pipeline from below is thrown into the `yield`. */
async function* noteFailure(source: AsyncIterable<Uint8Array>, failure: Failure): AsyncGenerator<Uint8Array> {
  let isSourcesTurn = true;
  try {
    for await (const bytes of source) {
      isSourcesTurn = false;
      yield bytes;
      isSourcesTurn = true;
    }
  } catch (thrown) {
    if (isSourcesTurn) failure.ofSource = { thrown };
    throw thrown;
  }
}

async function* guarded(content: AsyncIterable<unknown>, failure: Failure): AsyncGenerator<Uint8Array> {
  try {
    // The library's types promise nothing of the pieces; without an encoding they are bytes.
    for await (const bytes of content) if (bytes instanceof Uint8Array) yield bytes;
  } catch (thrown) {
    throw translated(thrown, failure);
  }
}

/** The source's own error where there is one: the tar library reports its consequences only. */
function translated(thrown: unknown, failure: Failure): unknown {
  if (failure.ofSource !== undefined) return failure.ofSource.thrown;
  return thrown instanceof BundleRefused ? thrown : malformed(messageOf(thrown), thrown);
}

function checkPath(check: () => void): void {
  try {
    check();
  } catch (thrown) {
    throw thrown instanceof ProtocolError ? malformed(thrown.message, thrown) : thrown;
  }
}

function malformed(why: string, cause?: unknown): BundleRefused {
  return new BundleRefused("archive-malformed", `The archive cannot be used: ${why}`, { cause });
}
