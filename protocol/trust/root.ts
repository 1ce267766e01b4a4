/**
 * The root of trust: TUF 1.0 root metadata that names the keys of three roles. The `targets` role is the *publisher*
 * (signs bundles), `timestamp` and `snapshot` together are the *director* (signs deployments).
 */
import { canonicalize } from "@tufjs/canonical-json";
import { Key, Metadata, MetadataKind, Root, Signature } from "@tufjs/models";
import type { Sha256 } from "../ids.ts";
import { DOCUMENT_BYTES_MAX } from "../limits.ts";
import { ProtocolError } from "../protocol-error.ts";
import { parseJson } from "../schema.ts";
import { sha256 } from "./digest.ts";
import { publicKeyFromPem, signatureHolds, TUF_KEY_TYPE, TUF_SCHEME, type PublicKey, type Signer } from "./keys.ts";

export type RoleName = "owner" | "publisher" | "director";

export interface Role {
  readonly keys: readonly PublicKey[];
  /** Signatures of distinct keys that are needed. */
  readonly threshold: number;
}

/** Whether two roles have the same keys: where the director's change, devices begin its sequence again. */
export function sameKeys(one: Role, other: Role): boolean {
  const print = ({ keys }: Role) =>
    keys
      .map(({ fingerprint }) => fingerprint)
      .sort()
      .join();
  return print(one) === print(other);
}

/** A root that has passed every check but its expiry, which is asked for when it matters. */
export interface TrustRoot {
  readonly version: number;
  readonly expiresMs: number;
  readonly roles: Readonly<Record<RoleName, Role>>;
  /** The document's exact bytes, and their digest: what is pinned for version 1. */
  readonly bytes: Uint8Array;
  readonly digest: Sha256;
}

const SPEC_VERSION = "1.0.31";

const TUF_ROLES = { owner: ["root"], publisher: ["targets"], director: ["timestamp", "snapshot"] } as const;

/** The first root a device ever believes: its bytes have the digest that the owner gave out by another way. */
export function acceptFirstRoot(bytes: Uint8Array, pin: Sha256): TrustRoot {
  checkSize(bytes);
  const digest = sha256(bytes);
  if (digest !== pin) throw refuse(`its SHA-256 is ${digest}, pinned is ${pin}`);
  const root = readRoot(bytes);
  requireSignatures(root, root);
  return root.trusted;
}

/** TUF 5.3: the next version, signed by the thresholds of the one before it and of itself. Its expiry is not asked for. */
export function acceptNextRoot(current: TrustRoot, bytes: Uint8Array): TrustRoot {
  checkSize(bytes);
  const next = readRoot(bytes);
  // TUF 5.3.5: exactly one more, so that no version can be skipped or replayed.
  if (next.trusted.version !== current.version + 1) {
    throw refuse(`it is version ${next.trusted.version}, expected ${current.version + 1}`);
  }
  requireSignatures(readRoot(current.bytes), next);
  requireSignatures(next, next);
  return next.trusted;
}

/** Every check but the signatures: for a root that is still being signed, and must not be believed yet. */
export function readUnsignedRoot(bytes: Uint8Array): TrustRoot {
  checkSize(bytes);
  return readRoot(bytes).trusted;
}

/** The keys among `owners` whose signature on this root holds. */
export function signersOf(bytes: Uint8Array, owners: readonly PublicKey[]): readonly PublicKey[] {
  const { metadata } = readRoot(bytes);
  const signed = bytesToSign(metadata);
  return owners.filter((owner) => {
    const signature = metadata.signatures[owner.id];
    return signature !== undefined && signatureHolds(owner, signed, Buffer.from(signature.sig, "hex"));
  });
}

/** The same root with one more owner's signature, or that one's newer. Whether the owner is one is for others to ask. */
export async function withRootSignature(bytes: Uint8Array, owner: Signer): Promise<Uint8Array> {
  checkSize(bytes);
  const { metadata } = readRoot(bytes);
  await addSignature(metadata, owner);
  return bytesOf(metadata);
}

/**
 * The same root with the signatures of another copy of it that hold, by any of `owners`; throws where the two would have the
 * owners sign different bytes.
 */
export function withSignaturesOf(bytes: Uint8Array, copy: Uint8Array, owners: readonly PublicKey[]): Uint8Array {
  const [{ metadata }, { metadata: other }] = [readRoot(bytes), readRoot(copy)];
  if (!bytesToSign(metadata).equals(bytesToSign(other))) throw refuse("the two copies say different things");
  for (const { id } of signersOf(copy, owners)) {
    const signature = other.signatures[id];
    if (signature !== undefined) metadata.signatures[id] = signature;
  }
  return bytesOf(metadata);
}

interface ReadRoot {
  readonly metadata: Metadata<Root>;
  readonly trusted: TrustRoot;
}

function readRoot(bytes: Uint8Array): ReadRoot {
  const metadata = parseJson("root", bytes, DOCUMENT_BYTES_MAX, (value) => {
    try {
      return Metadata.fromJSON(MetadataKind.Root, value as Parameters<typeof Metadata.fromJSON>[1]);
    } catch (cause) {
      throw new ProtocolError(
        "SCHEMA",
        "root",
        `is not TUF root metadata (${cause instanceof Error ? cause.message : String(cause)})`,
        { cause },
      );
    }
  });
  const { signed } = metadata;
  const expiresMs = Date.parse(signed.expires);
  if (Number.isNaN(expiresMs)) throw refuse(`its expiry ${JSON.stringify(signed.expires)} is not a date`);
  const keys = readKeys(signed);
  const roles = {
    owner: readRole(signed, keys, "owner"),
    publisher: readRole(signed, keys, "publisher"),
    director: readRole(signed, keys, "director"),
  };
  const offline = new Set([...roles.owner.keys, ...roles.publisher.keys].map((key) => key.fingerprint));
  if (roles.director.keys.some((key) => offline.has(key.fingerprint))) {
    throw refuse("a director key, which is online, also stands in an offline role");
  }
  return {
    metadata,
    trusted: { version: signed.version, expiresMs, roles, bytes: Uint8Array.from(bytes), digest: sha256(bytes) },
  };
}

/** The library takes any key under any id: here a key must be P-256, and stand under the id that its content gives. */
function readKeys(signed: Root): ReadonlyMap<string, PublicKey> {
  const keys = new Map<string, PublicKey>();
  for (const [id, key] of Object.entries(signed.keys)) {
    if (key.keyType !== TUF_KEY_TYPE || key.scheme !== TUF_SCHEME) {
      throw refuse(`key ${id} is ${key.keyType}/${key.scheme}; only ${TUF_KEY_TYPE}/${TUF_SCHEME} is used`);
    }
    const publicKey = publicKeyFromPem(key.keyVal["public"] ?? "");
    if (sha256(canonicalJson(key.toJSON())) !== id) throw refuse(`key ${id} does not have that id`);
    keys.set(id, publicKey);
  }
  return keys;
}

/** One key under two ids would be counted twice by the library, and a threshold may not be unmeetable: both are refused. */
function readRole(signed: Root, keys: ReadonlyMap<string, PublicKey>, name: RoleName): Role {
  const roles = TUF_ROLES[name].map((tufRole) => {
    const role = signed.roles[tufRole];
    if (role === undefined) throw refuse(`the role ${tufRole} is missing`);
    const distinct = new Map<string, PublicKey>();
    for (const id of role.keyIDs) {
      const key = keys.get(id);
      if (key === undefined) throw refuse(`the role ${tufRole} names key ${id}, which is not there`);
      distinct.set(key.fingerprint, key);
    }
    if (distinct.size < role.keyIDs.length) throw refuse(`the role ${tufRole} names one key twice`);
    if (role.threshold > distinct.size) {
      throw refuse(`the role ${tufRole} needs ${role.threshold} signatures and has ${distinct.size} keys`);
    }
    return { keys: [...distinct.values()], threshold: role.threshold };
  });
  const [first, second] = roles;
  if (first === undefined) throw refuse(`the role ${name} is missing`);
  const print = (role: Role) =>
    `${role.threshold}:${role.keys
      .map((key) => key.fingerprint)
      .sort()
      .join()}`;
  if (second !== undefined && print(first) !== print(second))
    throw refuse(`the roles ${TUF_ROLES[name].join(" and ")} differ`);
  return first;
}

function requireSignatures(signer: ReadRoot, signed: ReadRoot): void {
  try {
    signer.metadata.verifyDelegate("root", signed.metadata);
  } catch (cause) {
    throw refuse(
      `version ${signed.trusted.version} lacks signatures of version ${signer.trusted.version}'s owners`,
      cause,
    );
  }
}

function checkSize(bytes: Uint8Array): void {
  if (bytes.byteLength > DOCUMENT_BYTES_MAX) {
    throw new ProtocolError("OVERSIZE", "root", `${bytes.byteLength} bytes, at most ${DOCUMENT_BYTES_MAX} are allowed`);
  }
}

function refuse(why: string, cause?: unknown): ProtocolError {
  return new ProtocolError("SCHEMA", "root", why, cause === undefined ? undefined : { cause });
}

export interface NewRoot {
  readonly version: number;
  readonly expires: Date;
  readonly roles: Readonly<Record<RoleName, { readonly keys: readonly PublicKey[]; readonly threshold: number }>>;
}

/** Root metadata signed by `owners`: the bytes to publish, whose SHA-256 is pinned when the version is 1. */
export async function signRoot(root: NewRoot, owners: readonly Signer[]): Promise<Uint8Array> {
  const signed = new Root({
    version: root.version,
    specVersion: SPEC_VERSION,
    expires: root.expires.toISOString().replace(/\.\d+Z$/, "Z"),
    consistentSnapshot: true,
  });
  for (const name of ["owner", "publisher", "director"] as const) {
    for (const tufRole of TUF_ROLES[name]) {
      for (const key of root.roles[name].keys) {
        signed.addKey(
          new Key({ keyID: key.id, keyType: TUF_KEY_TYPE, scheme: TUF_SCHEME, keyVal: { public: key.pem } }),
          tufRole,
        );
      }
      const role = signed.roles[tufRole];
      if (role !== undefined) Object.assign(role, { threshold: root.roles[name].threshold });
    }
  }
  const metadata = new Metadata(signed);
  for (const owner of owners) await addSignature(metadata, owner);
  return bytesOf(metadata);
}

async function addSignature(metadata: Metadata<Root>, { publicKey, sign }: Signer): Promise<void> {
  const sig = Buffer.from(await sign(bytesToSign(metadata))).toString("hex");
  metadata.signatures[publicKey.id] = new Signature({ keyID: publicKey.id, sig });
}

/** TUF signs the canonical JSON of the signed part. */
function bytesToSign({ signed }: Metadata<Root>): Buffer {
  return Buffer.from(canonicalJson(signed.toJSON()));
}

/** Throws SCHEMA for what canonical JSON has no form for: fractions, and more levels than the stack. */
function canonicalJson(value: Parameters<typeof canonicalize>[0]): string {
  try {
    return canonicalize(value);
  } catch (cause) {
    throw refuse("it holds a value that canonical JSON cannot express", cause);
  }
}

function bytesOf(metadata: Metadata<Root>): Buffer {
  return Buffer.from(`${JSON.stringify(metadata.toJSON(), undefined, 1)}\n`);
}
