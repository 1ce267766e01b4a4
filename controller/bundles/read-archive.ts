import { createHash } from "node:crypto";
import { MODEL_JSON, SIGNATURE_FOLDER } from "../../protocol/bundle/bundle-path.ts";
import {
  MODEL_JSON_BYTES_MAX,
  SIGNATURE_FILE_BYTES_MAX,
  SIGNATURE_FILES_BYTES_MAX,
  SIGNATURES_MAX,
} from "../../protocol/limits.ts";
import { BundleRefused } from "../../protocol/trust/model-signing.ts";
import type { HashedFile } from "../../common/hash-directory.ts";
import { archiveEntries, type ArchiveEntry } from "./archive-entries.ts";

/** What one pass over an archive tells: enough to verify it without its files. */
export interface ReadArchive {
  /** All but the signatures, in the archive's order. */
  readonly files: ReadonlyMap<string, HashedFile>;
  /** By path. */
  readonly signatureFiles: ReadonlyMap<string, Buffer>;
  readonly modelJson: Buffer | undefined;
}

/**
 * Reads a tar once, keeping only digests, signatures and `model.json`: at most SIGNATURE_FILES_BYTES_MAX +
 * MODEL_JSON_BYTES_MAX of memory whatever its length. Throws BundleRefused.
 */
export async function readArchive(source: AsyncIterable<Uint8Array>): Promise<ReadArchive> {
  const files = new Map<string, HashedFile>();
  const signatureFiles = new Map<string, Buffer>();
  let signatureBytes = 0;
  let modelJson: Buffer | undefined;
  for await (const entry of archiveEntries(source)) {
    if (entry.name.startsWith(`${SIGNATURE_FOLDER}/`)) {
      if (!/^[^/]+\/[^/]+\.sig$/.test(entry.name)) throw refused(`${entry.name} is not a signature`);
      if (signatureFiles.size === SIGNATURES_MAX) throw refused(`it has more than ${SIGNATURES_MAX} signatures`);
      const bytes = await readEntry(entry, SIGNATURE_FILE_BYTES_MAX);
      signatureBytes += bytes.byteLength;
      if (signatureBytes > SIGNATURE_FILES_BYTES_MAX) {
        throw refused(`its signatures have more than ${SIGNATURE_FILES_BYTES_MAX} bytes`);
      }
      signatureFiles.set(entry.name, bytes);
    } else if (entry.name === MODEL_JSON) {
      modelJson = await readEntry(entry, MODEL_JSON_BYTES_MAX);
      files.set(entry.name, {
        sha256: createHash("sha256").update(modelJson).digest("hex"),
        sizeBytes: entry.sizeBytes,
      });
    } else {
      files.set(entry.name, await hashEntry(entry));
    }
  }
  return { files, signatureFiles, modelJson };
}

/** A small file whole. Throws BundleRefused `archive-malformed` beyond the bound, before any of it is read. */
export async function readEntry({ name, sizeBytes, content }: ArchiveEntry, bytesMax: number): Promise<Buffer> {
  if (sizeBytes > bytesMax) throw refused(`${name} has ${sizeBytes} bytes, at most ${bytesMax} are allowed`);
  const parts: Uint8Array[] = [];
  for await (const bytes of content) parts.push(bytes);
  return Buffer.concat(parts);
}

async function hashEntry({ sizeBytes, content }: ArchiveEntry): Promise<HashedFile> {
  const hash = createHash("sha256");
  for await (const bytes of content) hash.update(bytes);
  return { sha256: hash.digest("hex"), sizeBytes };
}

function refused(why: string): BundleRefused {
  return new BundleRefused("archive-malformed", `The archive cannot be used: ${why}`);
}
