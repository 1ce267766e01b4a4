/** OpenSSF Model Signing v1.0: the in-toto statement that lists a model's files. Its exact bytes are what is signed. */
import { createHash } from "node:crypto";
import { Type, type Static } from "typebox";
import { checkBundlePath, checkNoTwins } from "../bundle/bundle-path.ts";
import { Sha256, type StatementDigest } from "../ids.ts";
import { BUNDLE_FILES_MAX, SIGNATURE_FILE_BYTES_MAX } from "../limits.ts";
import { ProtocolError } from "../protocol-error.ts";
import { gate, parseJson } from "../schema.ts";
import { sha256 } from "./digest.ts";

const STATEMENT_TYPE = "https://in-toto.io/Statement/v1";
const PREDICATE_TYPE = "https://model_signing/signature/v1.0";

/** What lies beside a model without belonging to it: the reference implementation's own list, and the signatures. */
export const UNSIGNED_PATHS: readonly string[] = [".git", ".gitattributes", ".github", ".gitignore", ".oms"];

/** One signed file. */
export interface SignedResource {
  readonly name: string;
  readonly sha256: Sha256;
}

/** Fields beyond these are ignored, as the standard demands of a v1.0 verifier. */
const Statement = Type.Object({
  _type: Type.Literal(STATEMENT_TYPE),
  subject: Type.Array(Type.Object({ name: Type.String(), digest: Type.Object({ sha256: Sha256 }) }), {
    minItems: 1,
    maxItems: 1,
  }),
  predicateType: Type.Literal(PREDICATE_TYPE),
  predicate: Type.Object({
    serialization: Type.Object({
      method: Type.String(),
      hash_type: Type.String(),
      allow_symlinks: Type.Boolean(),
      ignore_paths: Type.Optional(Type.Array(Type.String())),
    }),
    resources: Type.Array(Type.Object({ name: Type.String(), algorithm: Type.String(), digest: Type.String() }), {
      minItems: 1,
      maxItems: BUNDLE_FILES_MAX,
    }),
  }),
});
type Statement = Static<typeof Statement>;

/** A statement whose parts fit together. That the files fit it remains to be checked. */
export interface ModelStatement {
  readonly digest: StatementDigest;
  /** In the order of the statement, which need not be sorted. */
  readonly resources: readonly SignedResource[];
  readonly subject: string;
  readonly allowSymlinks: boolean;
  /** Relative to the model's directory; what lies under them is not part of the model. */
  readonly ignorePaths: readonly string[];
}

/** A bundle's identity: SHA-256 of the statement's exact bytes. The standard's subject digest does not bind file names. */
export function statementDigest(payload: Uint8Array): StatementDigest {
  // The brand says which bytes were hashed; this is the one place that knows.
  return sha256(payload) as string as StatementDigest;
}

/** The statement over these files: the same files and subject always give the same bytes, on any machine. */
export function modelStatement(
  subject: string,
  files: Iterable<readonly [name: string, file: { readonly sha256: string }]>,
): Buffer {
  const resources = [...files]
    .map(([name, file]) => ({ name, algorithm: "sha256", digest: file.sha256 }))
    .sort((a, b) => Buffer.compare(Buffer.from(a.name), Buffer.from(b.name)));
  const statement: Statement = {
    _type: STATEMENT_TYPE,
    subject: [{ name: subject, digest: { sha256: subjectDigest(resources) } }],
    predicateType: PREDICATE_TYPE,
    predicate: {
      serialization: { method: "files", hash_type: "sha256", allow_symlinks: false, ignore_paths: [...UNSIGNED_PATHS] },
      resources,
    },
  };
  return Buffer.from(JSON.stringify(statement));
}

const check = gate("model signature statement", Statement);

/** Throws ProtocolError. Call only after the signatures over these bytes have been verified. */
export function parseModelStatement(payload: Uint8Array): ModelStatement {
  const statement = parseJson("model signature statement", payload, SIGNATURE_FILE_BYTES_MAX, check);
  const [subject] = statement.subject;
  const { serialization, resources } = statement.predicate;
  if (serialization.method !== "files") {
    throw unsupported(`files are serialized as ${JSON.stringify(serialization.method)}; only "files" can be verified`);
  }
  if (serialization.hash_type !== "sha256" || resources.some(({ algorithm }) => algorithm !== "sha256")) {
    throw unsupported(`files are hashed with ${serialization.hash_type}; only sha256 can be verified`);
  }
  for (const { name, digest } of resources) {
    if (!/^[0-9a-f]{64}$/.test(digest)) throw unsupported(`the digest of ${JSON.stringify(name)} is no SHA-256`);
    // A model that is one file is named by the directory's own `.`: it has no path inside.
    if (name !== "." || resources.length > 1) checkBundlePath(name);
  }
  checkNoTwins(resources.map(({ name }) => name));
  if (subject?.digest.sha256 !== subjectDigest(resources)) {
    throw unsupported("its subject digest is not that of the files which it lists");
  }
  return {
    digest: statementDigest(payload),
    resources: resources.map(({ name, digest }) => ({ name, sha256: digest as Sha256 })),
    subject: subject.name,
    allowSymlinks: serialization.allow_symlinks,
    ignorePaths: serialization.ignore_paths ?? [],
  };
}

/** SHA-256 of the raw digests in listed order; an order of its own must not be demanded, the reference has none. */
function subjectDigest(resources: readonly { readonly digest: string }[]): Sha256 {
  const hash = createHash("sha256");
  for (const { digest } of resources) hash.update(digest, "hex");
  return hash.digest("hex") as Sha256;
}

function unsupported(why: string): ProtocolError {
  return new ProtocolError("SCHEMA", "model signature statement", why);
}
