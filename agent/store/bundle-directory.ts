/** Verified bundles on disk, each in a directory named after its statement digest, read-only from the moment it is there. */
import { chmod, lstat, mkdir, mkdtemp, readdir, readFile, rename, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import { messageOf } from "../../common/ferry-error.ts";
import { hashDirectory, listFiles } from "../../common/hash-directory.ts";
import type { Log } from "../../common/log.ts";
import { MODEL_JSON, SIGNATURE_FOLDER } from "../../protocol/bundle/bundle-path.ts";
import { parseModelJson } from "../../protocol/bundle/model-json.ts";
import type { StatementDigest } from "../../protocol/ids.ts";
import { BUNDLE_FILES_MAX, SIGNATURE_FILE_BYTES_MAX, SIGNATURES_MAX } from "../../protocol/limits.ts";
import { ProtocolError } from "../../protocol/protocol-error.ts";
import { BundleRefused, checkListing } from "../../protocol/trust/model-signing.ts";
import { parseModelStatement, statementDigest, type SignedResource } from "../../protocol/trust/model-statement.ts";
import { openSignatureFile } from "../../protocol/trust/signature-file.ts";
import type { VerifiedBundle } from "../inference/inference-engine.ts";
import { syncPath } from "./durable-file.ts";

export interface BundleDirectory {
  /** What lies here under the name of a verified bundle; `open` says whether it is still the same bytes. */
  readonly held: () => ReadonlySet<StatementDigest>;
  /**
   * Hashes every file against the statement whose digest the directory is named after, so a bit that flipped on the
   * disk, or a file that somebody exchanged, is found before it is loaded. Throws BundleRefused, after having removed
   * what it refuses; other errors (a disk that cannot be read) leave it in its place.
   */
  readonly open: (statement: StatementDigest) => Promise<VerifiedBundle>;
  /**
   * To be asked after a bundle has been loaded: throws BundleRefused `bundle-file-digest` where a file was touched since
   * `open` hashed it, even if it has its old bytes again. So what was loaded is what was hashed.
   */
  readonly confirm: (bundle: VerifiedBundle) => Promise<void>;
  /** An empty private directory on the same file system. */
  readonly makeStaging: () => Promise<string>;
  readonly removeStaging: (directory: string) => Promise<void>;
  /** Moves a checked staging directory to its name: it is there whole or not at all, also across a power cut. */
  readonly adopt: (staging: string, statement: StatementDigest) => Promise<void>;
  /** Removes every other bundle. */
  readonly keepOnly: (statements: ReadonlySet<StatementDigest>) => Promise<void>;
}

/** What was being unpacked when the agent stopped is worth nothing: it begins with this and is removed at each start. */
const STAGING_PREFIX = ".staging-";

export async function openBundleDirectory(directory: string, log: Log): Promise<BundleDirectory> {
  await mkdir(directory, { recursive: true, mode: 0o700 });
  const held = new Set<StatementDigest>();
  const hashed = new Map<StatementDigest, string>();
  for (const name of await readdir(directory)) {
    if (isStatementDigest(name)) held.add(name);
    else if (name.startsWith(STAGING_PREFIX)) await removeTree(join(directory, name));
  }

  async function remove(statement: StatementDigest): Promise<void> {
    held.delete(statement);
    hashed.delete(statement);
    // Out of its name first: a power cut in the middle of the removal must not leave half a bundle under it.
    const doomed = join(directory, `${STAGING_PREFIX}${statement}`);
    try {
      await rename(join(directory, statement), doomed);
    } catch (thrown) {
      if (codeOf(thrown) !== "ENOENT") throw thrown;
    }
    await removeTree(doomed);
  }

  return {
    held: () => held,
    open: async (statement) => {
      const place = join(directory, statement);
      try {
        const traces = await tracesOf(place).catch((thrown: unknown) => {
          throw asMalformed(thrown);
        });
        const bundle = await verifyHeld(place, statement);
        hashed.set(statement, traces);
        return bundle;
      } catch (thrown) {
        if (!(thrown instanceof BundleRefused)) throw thrown;
        log.error({ statement, why: thrown.message }, "a bundle on disk is not what was verified; removing it");
        await remove(statement);
        throw thrown;
      }
    },
    confirm: async ({ directory: place, statement }) => {
      const traces = await tracesOf(place).catch(() => undefined);
      if (traces !== undefined && traces === hashed.get(statement)) return;
      throw new BundleRefused(
        "bundle-file-digest",
        "A file of the bundle was changed between its check and its loading",
      );
    },
    makeStaging: () => mkdtemp(join(directory, STAGING_PREFIX)),
    removeStaging: removeTree,
    adopt: async (staging, statement) => {
      const place = join(directory, statement);
      if (held.has(statement)) await remove(statement);
      await makeReadOnly(staging);
      await rename(staging, place);
      await chmod(place, 0o500);
      await syncPath(directory);
      held.add(statement);
    },
    keepOnly: async (statements) => {
      for (const statement of [...held].filter((one) => !statements.has(one))) {
        try {
          await remove(statement);
          log.info({ statement }, "removed a bundle that is not needed any more");
        } catch (thrown) {
          log.warn({ statement, error: messageOf(thrown) }, "cannot remove a bundle");
        }
      }
    },
  };
}

/** Throws BundleRefused `bundle-malformed`, `bundle-file-digest` or `bundle-unlisted-file`. */
async function verifyHeld(directory: string, statement: StatementDigest): Promise<VerifiedBundle> {
  const resources = await signedResources(directory, statement);
  checkListing(resources, await hashBundle(directory));
  try {
    const model = parseModelJson(await readFile(join(directory, MODEL_JSON)));
    return { directory, statement, model };
  } catch (thrown) {
    throw asMalformed(thrown);
  }
}

/** The digests of all files but the signatures. Throws BundleRefused for links, devices and too many files. */
export async function hashBundle(directory: string) {
  try {
    return await hashDirectory(directory, { ignore: [SIGNATURE_FOLDER], filesMax: BUNDLE_FILES_MAX });
  } catch (thrown) {
    throw asMalformed(thrown);
  }
}

/**
 * What every write, rename, replacement or change of mode leaves on a file or a directory, and nobody but the system can
 * put back: the inode's number and the time of its last change.
 */
async function tracesOf(directory: string): Promise<string> {
  const traces: string[] = [];
  for (const path of ["", ...(await readdir(directory, { recursive: true })).sort()]) {
    const { ino, size, ctimeNs } = await lstat(join(directory, path), { bigint: true });
    traces.push(`${path}:${ino}:${size}:${ctimeNs}`);
  }
  return traces.join("\n");
}

/** The signature files of a bundle; none where nobody signed it. Throws BundleRefused for too many, or one too large. */
export async function readSignatureFiles(directory: string): Promise<readonly Uint8Array[]> {
  const folder = join(directory, SIGNATURE_FOLDER);
  try {
    const names = await listFiles(folder, { filesMax: SIGNATURES_MAX });
    const files: Uint8Array[] = [];
    for (const name of names) {
      const { size } = await stat(join(folder, name));
      if (size > SIGNATURE_FILE_BYTES_MAX) {
        throw new BundleRefused("bundle-malformed", `The signature file ${name} has ${size} bytes`);
      }
      files.push(await readFile(join(folder, name)));
    }
    return files;
  } catch (thrown) {
    if (codeOf(thrown) === "not-found") return [];
    throw asMalformed(thrown);
  }
}

/**
 * What the bundle's own statement lists. Its publisher was checked when the bundle came; since then its digest, which is
 * the directory's name and stands in `state.db`, vouches for it: a key that was rotated away does not unload a model.
 */
async function signedResources(directory: string, statement: StatementDigest): Promise<readonly SignedResource[]> {
  for (const bytes of await readSignatureFiles(directory)) {
    try {
      const { payload } = openSignatureFile(bytes).envelope;
      if (statementDigest(payload) === statement) return parseModelStatement(payload).resources;
    } catch (thrown) {
      throw asMalformed(thrown);
    }
  }
  throw new BundleRefused("bundle-malformed", `The bundle ${statement} has lost its statement`);
}

/** Errors of the system (a disk that cannot be read) say nothing about the bundle: they pass as they are. */
function asMalformed(thrown: unknown): unknown {
  if (thrown instanceof BundleRefused) return thrown;
  const isBundlesFault = thrown instanceof ProtocolError || BUNDLE_FAULTS.has(codeOf(thrown));
  return isBundlesFault
    ? new BundleRefused("bundle-malformed", `The bundle cannot be read: ${messageOf(thrown)}`, { cause: thrown })
    : thrown;
}

const BUNDLE_FAULTS: ReadonlySet<unknown> = new Set(["irregular-file", "too-many-files", "not-found", "ENOENT"]);

function codeOf(thrown: unknown): unknown {
  return thrown instanceof Error && "code" in thrown ? thrown.code : undefined;
}

function isStatementDigest(name: string): name is StatementDigest {
  return /^[0-9a-f]{64}$/.test(name);
}

/** Every file 0400 and every directory below 0500; the topmost stays writable until it has its name. */
async function makeReadOnly(directory: string): Promise<void> {
  for (const entry of await readdir(directory, { withFileTypes: true })) {
    const path = join(directory, entry.name);
    if (entry.isDirectory()) await makeReadOnly(path);
    await chmod(path, entry.isDirectory() ? 0o500 : 0o400);
  }
}

/** Directories only: that is what removing needs. */
async function makeWritable(directory: string): Promise<void> {
  await chmod(directory, 0o700);
  for (const entry of await readdir(directory, { withFileTypes: true })) {
    if (entry.isDirectory()) await makeWritable(join(directory, entry.name));
  }
}

async function removeTree(directory: string): Promise<void> {
  await makeWritable(directory).catch(() => undefined);
  await rm(directory, { recursive: true, force: true });
}
