/**
 * Which bundles of the catalogue the publishers of the newest root still vouch for. Each was signed by publishers when it was
 * pushed; since then a key may have been replaced, and devices with the newer root refuse what only that one signed.
 */
import { SIGNATURE_FOLDER } from "../../protocol/bundle/bundle-path.ts";
import type { StatementDigest } from "../../protocol/ids.ts";
import { SIGNATURE_FILE_BYTES_MAX, SIGNATURES_MAX } from "../../protocol/limits.ts";
import { BundleRefused, verifyBundleSignatures } from "../../protocol/trust/model-signing.ts";
import type { Role } from "../../protocol/trust/root.ts";
import { listBundles, type CatalogueEntry } from "../store/catalogue.ts";
import type { Store } from "../store/store.ts";
import { archiveEntries } from "./archive-entries.ts";
import type { BundleShelf } from "./bundle-shelf.ts";
import { contentOf, type ShelvedArchive } from "./shelved-archive.ts";

export interface VouchedBundles {
  readonly isVouched: (statement: StatementDigest) => boolean;
  /** Those that must be signed again, as of the last look. */
  readonly unvouched: () => readonly CatalogueEntry[];
  /** After a start, and when the publishers have changed: what is pushed later was checked as it came. */
  readonly look: (publisher: Role) => Promise<void>;
}

export function createVouchedBundles(store: Store, shelf: Pick<BundleShelf, "openArchive">): VouchedBundles {
  let unvouched: readonly CatalogueEntry[] = [];
  return {
    isVouched: (statement) => !unvouched.some((entry) => entry.statement === statement),
    unvouched: () => unvouched,
    look: async (publisher) => {
      const found: CatalogueEntry[] = [];
      // One at a time: each opens a file and reads little more than its signatures.
      for (const entry of await listBundles(store)) {
        if (!(await isVouchedBy(publisher, entry, shelf))) found.push(entry);
      }
      unvouched = found;
    },
  };
}

/** In one sentence for a person; undefined where there is nothing to do. */
export function unvouchedText(unvouched: readonly CatalogueEntry[]): string | undefined {
  if (unvouched.length === 0) return undefined;
  const names = unvouched.slice(0, NAMED_MAX).map(({ model }) => `${model.name}@${model.version}`);
  const more = unvouched.length > NAMED_MAX ? ` and ${unvouched.length - NAMED_MAX} more` : "";
  return `Only a replaced publisher has signed ${names.join(", ")}${more}: devices refuse that; sign and push as another version what is still to be rolled out`;
}

/** In one sentence; `ferry bundle list` shows all of them. */
const NAMED_MAX = 5;

/** An archive that is not there, or cannot be read, is another matter: whoever needs it is told. */
async function isVouchedBy(
  publisher: Role,
  { archive }: CatalogueEntry,
  shelf: Pick<BundleShelf, "openArchive">,
): Promise<boolean> {
  await using shelved = await shelf.openArchive(archive.sha256);
  if (shelved === undefined) return true;
  try {
    verifyBundleSignatures({ signatureFiles: await signaturesOf(shelved), publisher });
    return true;
  } catch (thrown) {
    if (thrown instanceof BundleRefused) return thrown.code !== "publisher-signature";
    throw thrown;
  }
}

/** Signatures stand together, and first in the archives that `ferry` builds: what follows them is not read. */
async function signaturesOf(shelved: ShelvedArchive): Promise<Uint8Array[]> {
  const signatures: Uint8Array[] = [];
  for await (const { name, sizeBytes, content } of archiveEntries(contentOf(shelved))) {
    const isSignature = name.startsWith(`${SIGNATURE_FOLDER}/`);
    if (!isSignature && signatures.length > 0) break;
    if (!isSignature || sizeBytes > SIGNATURE_FILE_BYTES_MAX || signatures.length === SIGNATURES_MAX) continue;
    const parts: Uint8Array[] = [];
    for await (const part of content) parts.push(part);
    signatures.push(Buffer.concat(parts));
  }
  return signatures;
}
