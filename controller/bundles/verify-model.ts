/** Verifies any model signed by key per OpenSSF Model Signing v1.0, with whatever tool: a directory, a file, an archive. */
import { existsSync } from "node:fs";
import { readFile, stat } from "node:fs/promises";
import { dirname, join, relative, resolve, sep } from "node:path";
import { EXIT, FerryError } from "../../common/ferry-error.ts";
import { hashDirectory, hashFile, type HashedFile } from "../../common/hash-directory.ts";
import type { StatementDigest } from "../../protocol/ids.ts";
import { BUNDLE_FILES_MAX } from "../../protocol/limits.ts";
import { ProtocolError } from "../../protocol/protocol-error.ts";
import { modelSignatureHolds, type ModelKey } from "../../protocol/trust/model-key.ts";
import { BundleRefused, checkListing } from "../../protocol/trust/model-signing.ts";
import { parseModelStatement, UNSIGNED_PATHS, type ModelStatement } from "../../protocol/trust/model-statement.ts";
import { openSignatureFile, type OpenedSignatureFile } from "../../protocol/trust/signature-file.ts";
import { signaturePaths, type BundleSource } from "./bundle-source.ts";
import { readArchive } from "./read-archive.ts";

interface VerifiedModel {
  readonly statement: StatementDigest;
  /** What the signer called the model. */
  readonly subject: string;
  readonly signature: string;
  readonly files: number;
}

interface VerifyModelOptions {
  readonly key: ModelKey;
  /** The signature file; searched for where the reference implementation's users put it when absent. */
  readonly signature?: string;
  /** Paths in the model's directory that do not belong to it, beside those that the signature names. */
  readonly ignore: readonly string[];
}

/** Throws BundleRefused where the model is not what the key's owner signed, FerryError where there is no signature. */
export async function verifyModel(source: BundleSource, options: VerifyModelOptions): Promise<VerifiedModel> {
  const candidates = await findSignatures(source, options.signature);
  for (const [at, { path, bytes }] of candidates.entries()) {
    const opened = asRefusal(() => openSignatureFile(bytes));
    const isLast = at === candidates.length - 1;
    // Several publishers sign side by side: the one whose key was given is looked for.
    if (!isLast && !modelSignatureHolds(options.key, opened.envelope)) continue;
    requireSignature(path, opened, options.key);
    const statement = asRefusal(() => parseModelStatement(opened.envelope.payload));
    const files = await hashedFiles(source, path, statement, options.ignore);
    checkListing(statement.resources, files);
    return { statement: statement.digest, subject: statement.subject, signature: path, files: files.size };
  }
  throw new BundleRefused("publisher-signature", `There is no signature of ${source.path}`);
}

interface SignatureCandidate {
  readonly path: string;
  readonly bytes: Buffer;
}

async function findSignatures(source: BundleSource, given: string | undefined): Promise<SignatureCandidate[]> {
  if (given === undefined && (await isBundleArchive(source))) {
    const { signatureFiles } = await readArchive(source.stream());
    return [...signatureFiles].map(([path, bytes]) => ({ path, bytes }));
  }
  const paths = given === undefined ? await usualPlaces(source) : [given];
  const found = paths.filter((path) => existsSync(path));
  if (found.length === 0) {
    throw new FerryError("no-signature", `There is no signature of ${source.path}`, {
      hint: `Name its file with --signature; without it, ${paths.join(" and ")} are looked for.`,
      exitCode: EXIT.notFound,
    });
  }
  return Promise.all(found.map(async (path) => ({ path, bytes: await readFile(path) })));
}

/** Modelferry's own folder; `model.sig` in the directory or beside it, which is the reference's default; `<name>.sig`. */
async function usualPlaces({ kind, path }: BundleSource): Promise<string[]> {
  const own = kind === "directory" ? (await signaturePaths(path)).map((name) => join(path, name)) : [];
  const inside = kind === "directory" ? [join(path, "model.sig")] : [];
  const beside = dirname(resolve(path));
  return [...own, ...inside, join(beside, "model.sig"), `${resolve(path)}.sig`];
}

/** A signed model may itself be a single file: only what looks like our archive is opened as one. */
async function isBundleArchive({ kind, path }: BundleSource): Promise<boolean> {
  return kind === "archive" && path.endsWith(".tar") && (await stat(path)).size % 512 === 0;
}

function requireSignature(path: string, { envelope, keyHint, byKey }: OpenedSignatureFile, key: ModelKey): void {
  if (modelSignatureHolds(key, envelope)) return;
  if (!byKey) {
    throw new BundleRefused(
      "publisher-signature",
      `${path} was signed with a certificate (keyless or by a CA), not with a key: it cannot be verified with one`,
    );
  }
  const other = keyHint === undefined || keyHint === key.hint ? "" : `: it names key ${keyHint}, given is ${key.hint}`;
  throw new BundleRefused("publisher-signature", `${path} was not signed with this key, or was changed since${other}`);
}

async function hashedFiles(
  source: BundleSource,
  signature: string,
  { ignorePaths, resources }: ModelStatement,
  ignore: readonly string[],
): Promise<ReadonlyMap<string, HashedFile>> {
  if (source.kind === "directory") {
    const own = relative(source.path, resolve(signature));
    const ignored = [...UNSIGNED_PATHS, ...ignorePaths.flatMap(insidePath), own.split(sep).join("/"), ...ignore];
    return hashDirectory(source.path, { ignore: ignored, filesMax: BUNDLE_FILES_MAX });
  }
  if (await isBundleArchive(source)) {
    const { files } = await readArchive(source.stream());
    if (resources[0]?.name !== ".") return files;
  }
  return new Map([[".", await hashFile(source.path)]]);
}

/** The reference writes `./a`, `a/` and paths that lead out of the directory; the last ones name nothing in it. */
function insidePath(path: string): string[] {
  const plain = path.replace(/^(\.\/)+/, "").replace(/\/+$/, "");
  return plain === "" || plain === "." || plain.startsWith("/") || plain.split("/").includes("..") ? [] : [plain];
}

function asRefusal<T>(read: () => T): T {
  try {
    return read();
  } catch (thrown) {
    if (!(thrown instanceof ProtocolError)) throw thrown;
    throw new BundleRefused("bundle-malformed", `It cannot be verified: ${thrown.message}`, { cause: thrown });
  }
}
