/** Whether a bundle's publisher vouches for it, and whether its files are those that were vouched for. */
import { SIGNATURE_FILE_BYTES_MAX, SIGNATURE_FILES_BYTES_MAX, SIGNATURES_MAX } from "../limits.ts";
import { ProtocolError } from "../protocol-error.ts";
import type { StatementDigest } from "../ids.ts";
import { signatureHolds, type PublicKey } from "./keys.ts";
import { preAuthenticationEncoding } from "./dsse.ts";
import { parseModelStatement, type ModelStatement, type SignedResource } from "./model-statement.ts";
import type { RefusalCode } from "./refusal.ts";
import type { Role } from "./root.ts";
import { openSignatureFile, type OpenedSignatureFile } from "./signature-file.ts";

/** A bundle that is not taken; `code` is what a device reports, `message` says why to a person. */
export class BundleRefused extends Error {
  override readonly name = "BundleRefused";
  readonly code: RefusalCode;

  constructor(code: RefusalCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}

interface VerifiedStatement {
  readonly statement: StatementDigest;
  /** In the order of the statement. */
  readonly resources: readonly SignedResource[];
}

/**
 * The statement for which enough publishers vouch. Nothing in it is parsed before its signatures have been counted.
 * All files must sign the same bytes: signatures over two statements never add up, and a bundle has one identity.
 * Throws BundleRefused: `publisher-signature` or `bundle-malformed`.
 */
export function verifyBundleSignatures({
  signatureFiles,
  publisher,
}: {
  readonly signatureFiles: readonly Uint8Array[];
  readonly publisher: Role;
}): VerifiedStatement {
  checkBounds(signatureFiles);
  const signers = new Set<string>();
  let payload: Buffer | undefined;
  // One file at a time: sixteen decoded at once would be a hundred times what a device has to spare.
  for (const bytes of signatureFiles) {
    const opened = malformedAsRefusal(() => openSignatureFile(bytes));
    payload ??= opened.envelope.payload;
    if (!payload.equals(opened.envelope.payload)) {
      throw new BundleRefused("publisher-signature", "The bundle's signatures are over different statements");
    }
    const signer = signerAmong(publisher.keys, opened);
    if (signer !== undefined) signers.add(signer.fingerprint);
  }
  if (payload === undefined) throw new BundleRefused("publisher-signature", "The bundle carries no signature");
  if (publisher.threshold < 1 || signers.size < publisher.threshold) {
    throw new BundleRefused(
      "publisher-signature",
      `${signers.size} of the publisher's keys signed the bundle, ${publisher.threshold} must (of ${publisher.keys.length} that the root names)`,
    );
  }
  return strictStatement(payload);
}

/** What the files of a directory or an archive say of one file. */
export interface ListedFile {
  readonly sha256: string;
}

/**
 * Holds the files that are there (all but the signatures) against those that were signed, names and digests both.
 * Throws BundleRefused: `bundle-unlisted-file` for one too many, `bundle-file-digest` for one that differs or lacks.
 */
export function checkListing(resources: readonly SignedResource[], listing: ReadonlyMap<string, ListedFile>): void {
  const signed = new Map(resources.map((resource) => [resource.name, resource.sha256]));
  for (const name of listing.keys()) {
    if (!signed.has(name)) {
      throw new BundleRefused("bundle-unlisted-file", `The file ${JSON.stringify(name)} is not among the signed ones`);
    }
  }
  for (const [name, digest] of signed) {
    const found = listing.get(name);
    if (found === undefined) {
      throw new BundleRefused("bundle-file-digest", `The signed file ${JSON.stringify(name)} is missing`);
    }
    if (found.sha256 !== digest) {
      throw new BundleRefused(
        "bundle-file-digest",
        `The file ${JSON.stringify(name)} is not the one that was signed: its SHA-256 is ${found.sha256}, signed is ${digest}`,
      );
    }
  }
}

function checkBounds(signatureFiles: readonly Uint8Array[]): void {
  if (signatureFiles.length > SIGNATURES_MAX) {
    throw new BundleRefused(
      "bundle-malformed",
      `The bundle carries ${signatureFiles.length} signature files, at most ${SIGNATURES_MAX} are looked at`,
    );
  }
  const largest = Math.max(0, ...signatureFiles.map((bytes) => bytes.byteLength));
  const total = signatureFiles.reduce((sum, bytes) => sum + bytes.byteLength, 0);
  if (largest > SIGNATURE_FILE_BYTES_MAX || total > SIGNATURE_FILES_BYTES_MAX) {
    throw new BundleRefused(
      "bundle-malformed",
      `The bundle's signature files have ${total} bytes (the largest ${largest}), at most ` +
        `${SIGNATURE_FILES_BYTES_MAX} (${SIGNATURE_FILE_BYTES_MAX} each) are allowed`,
    );
  }
}

function signerAmong(keys: readonly PublicKey[], { envelope }: OpenedSignatureFile): PublicKey | undefined {
  const bytes = preAuthenticationEncoding(envelope.payloadType, envelope.payload);
  return keys.find((key) => envelope.signatures.some((signature) => signatureHolds(key, bytes, signature)));
}

/** Modelferry's own rules on top of the standard's: no links, and paths that are safe to create on any device. */
function strictStatement(payload: Buffer): VerifiedStatement {
  const { digest, resources, allowSymlinks }: ModelStatement = malformedAsRefusal(() => parseModelStatement(payload));
  if (allowSymlinks) throw new BundleRefused("bundle-malformed", "The bundle was signed with symbolic links allowed");
  if (resources.some(({ name }) => name === ".")) {
    throw new BundleRefused("bundle-malformed", "The signature is over a single file, not over a bundle");
  }
  return { statement: digest, resources };
}

function malformedAsRefusal<T>(read: () => T): T {
  try {
    return read();
  } catch (thrown) {
    if (!(thrown instanceof ProtocolError)) throw thrown;
    throw new BundleRefused("bundle-malformed", `The bundle's ${thrown.message}`, { cause: thrown });
  }
}
