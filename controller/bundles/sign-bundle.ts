import { randomUUID } from "node:crypto";
import { mkdir, open, readFile, rename, rm } from "node:fs/promises";
import { dirname, join } from "node:path";
import { hashDirectory } from "../../common/hash-directory.ts";
import { BUNDLE_FILES_MAX } from "../../protocol/limits.ts";
import type { ModelJson } from "../../protocol/bundle/model-json.ts";
import type { Signer } from "../../protocol/trust/keys.ts";
import { UNSIGNED_PATHS } from "../../protocol/trust/model-statement.ts";
import { archiveEntries, type ArchiveEntry } from "./archive-entries.ts";
import { signaturePaths, type BundleSource } from "./bundle-source.ts";
import { planSignature, type PlannedSignature } from "./bundle-signatures.ts";
import { checkBundle } from "./check-bundle.ts";
import { readArchive } from "./read-archive.ts";
import { readModelJson } from "./verify-archive.ts";
import { writeArchive } from "./write-archive.ts";

interface SignReport extends PlannedSignature {
  readonly model: ModelJson;
}

/** Adds a publisher's signature to a bundle's directory or archive. Throws FerryError or BundleRefused. */
export function signBundle(source: BundleSource, signer: Signer): Promise<SignReport> {
  return source.kind === "directory" ? signDirectory(source.path, signer) : signArchive(source, signer);
}

/** A directory is checked first: what is signed should be something that a device can use. */
async function signDirectory(directory: string, signer: Signer): Promise<SignReport> {
  const model = await checkBundle(directory);
  const files = await hashDirectory(directory, { ignore: UNSIGNED_PATHS, filesMax: BUNDLE_FILES_MAX });
  const present = new Map<string, Uint8Array>();
  for (const path of await signaturePaths(directory)) present.set(path, await readFile(join(directory, path)));
  const plan = await planSignature(model, files, present, signer);
  for (const path of plan.stale) await rm(join(directory, path));
  await mkdir(dirname(join(directory, plan.path)), { recursive: true });
  await writeAtomically(join(directory, plan.path), [plan.bytes]);
  return { ...plan, model };
}

/** Writes the archive anew with the signature in its place, and puts it where the former one was. */
async function signArchive({ path, stream }: BundleSource, signer: Signer): Promise<SignReport> {
  const { files, signatureFiles, modelJson } = await readArchive(stream());
  const model = readModelJson(modelJson);
  const plan = await planSignature(model, files, signatureFiles, signer);
  await writeAtomically(path, writeArchive(withSignature(archiveEntries(stream()), plan)));
  return { ...plan, model };
}

async function* withSignature(
  entries: AsyncIterable<ArchiveEntry>,
  plan: PlannedSignature,
): AsyncGenerator<ArchiveEntry> {
  const left = new Set([...plan.stale, plan.path]);
  const signature = { name: plan.path, sizeBytes: plan.bytes.byteLength, content: onePiece(plan.bytes) };
  let isPlaced = false;
  for await (const entry of entries) {
    if (left.has(entry.name)) continue;
    // Names are in byte order, so that signing and building may come in either order.
    if (!isPlaced && Buffer.compare(Buffer.from(entry.name), Buffer.from(plan.path)) > 0) {
      isPlaced = true;
      yield signature;
    }
    yield entry;
  }
  if (!isPlaced) yield signature;
}

async function* onePiece(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield await Promise.resolve(bytes);
}

/** The file appears whole, in place of the former one, or not at all. */
export async function writeAtomically(
  path: string,
  pieces: Iterable<Uint8Array> | AsyncIterable<Uint8Array>,
): Promise<void> {
  const unfinished = `${path}.${randomUUID()}.part`;
  try {
    await using file = await open(unfinished, "wx");
    for await (const bytes of pieces) await file.writeFile(bytes);
    await file.sync();
    await rename(unfinished, path);
  } catch (thrown) {
    await rm(unfinished, { force: true });
    throw thrown;
  }
}
