import t from "tap";
import { SIGNATURE_FILE_BYTES_MAX, SIGNATURES_MAX } from "../../../protocol/limits.ts";
import { sha256 } from "../../../protocol/trust/digest.ts";
import { signEnvelope } from "../../../protocol/trust/dsse.ts";
import type { Signer } from "../../../protocol/trust/keys.ts";
import { BundleRefused, checkListing, verifyBundleSignatures } from "../../../protocol/trust/model-signing.ts";
import { modelStatement, statementDigest } from "../../../protocol/trust/model-statement.ts";
import type { Role } from "../../../protocol/trust/root.ts";
import { IN_TOTO_TYPE, signStatement, SIGSTORE_BUNDLE_TYPE } from "../../../protocol/trust/signature-file.ts";
import { newSigner } from "../../support/keys.ts";

const [first, second, third, stranger] = [newSigner(), newSigner(), newSigner(), newSigner()];

const FILES = new Map([
  ["model.json", { sha256: sha256("description") }],
  ["model.onnx", { sha256: sha256("weights") }],
]);
const STATEMENT = modelStatement("digits-1.0.0", FILES);

function publisher(threshold: number, ...signers: Signer[]): Role {
  return { threshold, keys: signers.map(({ publicKey }) => publicKey) };
}

function refusalOf(action: () => unknown): BundleRefused {
  try {
    action();
  } catch (thrown) {
    if (thrown instanceof BundleRefused) return thrown;
    throw thrown;
  }
  throw new Error("nothing was refused");
}

/** A signed statement that differs from the good one in what `change` does to its JSON. */
async function signedWith(change: (statement: Record<string, unknown>) => unknown, signer = first): Promise<Buffer> {
  const statement = JSON.parse(STATEMENT.toString()) as Record<string, unknown>;
  return signStatement(Buffer.from(JSON.stringify(change(statement))), signer);
}

function withPredicate(change: Readonly<Record<string, unknown>>) {
  return (statement: Record<string, unknown>) => ({
    ...statement,
    predicate: { ...(statement["predicate"] as object), ...change },
  });
}

const SERIALIZATION = { method: "files", hash_type: "sha256", allow_symlinks: false };

/** Resources of these names, with the subject digest that belongs to them: signed in full knowledge. */
function withNames(...names: string[]) {
  const resources = names.map((name) => ({ name, algorithm: "sha256", digest: sha256(name) }));
  const subject = sha256(Buffer.concat(resources.map(({ digest }) => Buffer.from(digest, "hex"))));
  return (statement: Record<string, unknown>) => ({
    ...statement,
    subject: [{ name: "digits", digest: { sha256: subject } }],
    predicate: { serialization: SERIALIZATION, resources },
  });
}

/** The good signature file with something in its JSON changed. */
async function tamperedFile(change: (file: Record<string, unknown>) => unknown): Promise<Buffer> {
  const file = JSON.parse((await signStatement(STATEMENT, first)).toString()) as Record<string, unknown>;
  return Buffer.from(JSON.stringify(change(file)));
}

function withEnvelope(change: (envelope: Record<string, unknown>) => object) {
  return (file: Record<string, unknown>) => {
    const envelope = file["dsseEnvelope"] as Record<string, unknown>;
    return { ...file, dsseEnvelope: { ...envelope, ...change(envelope) } };
  };
}

t.test("a statement that enough publishers signed is taken, by the digest of its bytes", async (t) => {
  const files = await Promise.all([first, second].map((signer) => signStatement(STATEMENT, signer)));
  const verified = verifyBundleSignatures({ signatureFiles: files, publisher: publisher(2, first, second, third) });
  t.equal(verified.statement, statementDigest(STATEMENT));
  t.same(verified.resources, [
    { name: "model.json", sha256: sha256("description") },
    { name: "model.onnx", sha256: sha256("weights") },
  ]);
});

t.test("signatures of strangers beside enough good ones change nothing", async (t) => {
  const files = await Promise.all([stranger, first].map((signer) => signStatement(STATEMENT, signer)));
  t.doesNotThrow(() => verifyBundleSignatures({ signatureFiles: files, publisher: publisher(1, first) }));
});

t.test("too few publishers are refused as `publisher-signature`", async (t) => {
  const by = (...signers: Signer[]) => Promise.all(signers.map((signer) => signStatement(STATEMENT, signer)));
  const other = modelStatement("other-1.0.0", FILES);
  const cases = [
    { why: "no signature at all", files: [], role: publisher(1, first) },
    { why: "a stranger's signature", files: await by(stranger), role: publisher(1, first) },
    { why: "k − 1 of k", files: await by(first), role: publisher(2, first, second) },
    { why: "one key twice", files: await by(first, first), role: publisher(2, first, second) },
    {
      why: "one key that stands in the role twice",
      files: await by(first, first),
      role: publisher(2, first, first),
    },
    {
      why: "signatures over two statements do not add up",
      files: [...(await by(first)), await signStatement(other, second)],
      role: publisher(2, first, second),
    },
    {
      why: "two statements, each signed well enough: which one would it be?",
      files: [...(await by(first)), await signStatement(other, first)],
      role: publisher(1, first),
    },
    {
      why: "a signature over another payload",
      files: [
        await tamperedFile(withEnvelope(() => ({ payload: modelStatement("other-1.0.0", FILES).toString("base64") }))),
      ],
      role: publisher(1, first),
    },
    { why: "a threshold of nought is no threshold", files: await by(first), role: publisher(0, first) },
  ];
  for (const { why, files, role } of cases) {
    const refusal = refusalOf(() => verifyBundleSignatures({ signatureFiles: files, publisher: role }));
    t.equal(refusal.code, "publisher-signature", why);
  }
});

t.test("a signature file that is not exactly as the standard says is refused as `bundle-malformed`", async (t) => {
  const cases = [
    { why: "not JSON", file: Buffer.from("model_signing") },
    { why: "not UTF-8", file: Buffer.from([0x7b, 0xff, 0x7d]) },
    { why: "trailing bytes", file: Buffer.concat([await signStatement(STATEMENT, first), Buffer.from("x")]) },
    { why: "another kind of Sigstore bundle", file: await tamperedFile((file) => ({ ...file, mediaType: "v0.1" })) },
    { why: "no envelope", file: await tamperedFile(({ dsseEnvelope: _, ...file }) => file) },
    {
      why: "base64 with characters that Node would skip",
      file: await tamperedFile(withEnvelope(({ payload }) => ({ payload: `${String(payload)}\n` }))),
    },
    {
      why: "two signatures in one envelope",
      file: await tamperedFile(
        withEnvelope(({ signatures }) => ({
          signatures: [...(signatures as unknown[]), ...(signatures as unknown[])],
        })),
      ),
    },
    { why: "no signature in the envelope", file: await tamperedFile(withEnvelope(() => ({ signatures: [] }))) },
    {
      why: "a deployment signed as one, offered as a bundle's statement",
      file: Buffer.from(
        JSON.stringify({
          mediaType: SIGSTORE_BUNDLE_TYPE,
          verificationMaterial: { publicKey: { hint: "" } },
          dsseEnvelope: await signEnvelope("application/vnd.modelferry.deployment.v1+json", STATEMENT, [first]),
        }),
      ),
    },
    { why: "larger than any bundle needs", file: Buffer.alloc(SIGNATURE_FILE_BYTES_MAX + 1, " ") },
  ];
  for (const { why, file } of cases) {
    const refusal = refusalOf(() => verifyBundleSignatures({ signatureFiles: [file], publisher: publisher(1, first) }));
    t.equal(refusal.code, "bundle-malformed", why);
  }
});

t.test("more signature files than are looked at, or more bytes, are refused before any is read", async (t) => {
  const file = await signStatement(STATEMENT, first);
  const many = Array.from({ length: SIGNATURES_MAX + 1 }, () => file);
  const large = Array.from({ length: 5 }, () => Buffer.alloc(SIGNATURE_FILE_BYTES_MAX, "{"));
  for (const signatureFiles of [many, large]) {
    const refusal = refusalOf(() => verifyBundleSignatures({ signatureFiles, publisher: publisher(1, first) }));
    t.equal(refusal.code, "bundle-malformed");
  }
});

t.test(
  "a statement that the publisher signed but no device should follow is refused as `bundle-malformed`",
  async (t) => {
    const cases = [
      { why: "not an in-toto statement", file: signedWith((statement) => ({ ...statement, _type: "x" })) },
      { why: "another predicate", file: signedWith((statement) => ({ ...statement, predicateType: "slsa" })) },
      { why: "no subject", file: signedWith((statement) => ({ ...statement, subject: [] })) },
      {
        why: "a subject digest of other files",
        file: signedWith((statement) => ({ ...statement, subject: [{ name: "m", digest: { sha256: sha256("x") } }] })),
      },
      {
        why: "shards instead of files",
        file: signedWith(withPredicate({ serialization: { ...SERIALIZATION, method: "shards" } })),
      },
      {
        why: "another hash",
        file: signedWith(withPredicate({ serialization: { ...SERIALIZATION, hash_type: "blake3" } })),
      },
      {
        why: "links allowed",
        file: signedWith(withPredicate({ serialization: { ...SERIALIZATION, allow_symlinks: true } })),
      },
      { why: "no files", file: signedWith(withNames()) },
      { why: "a single file, which is no bundle", file: signedWith(withNames(".")) },
      { why: "a path that leads out", file: signedWith(withNames("../model.onnx")) },
      { why: "a path that leads out from within", file: signedWith(withNames("a/../../model.onnx")) },
      { why: "an absolute path", file: signedWith(withNames("/etc/passwd")) },
      { why: "a drive letter", file: signedWith(withNames("C:model.onnx")) },
      { why: "a backslash", file: signedWith(withNames("a\\b")) },
      { why: "a NUL", file: signedWith(withNames("model.onnx\0.txt")) },
      { why: "an empty segment", file: signedWith(withNames("a//b")) },
      { why: "one name twice", file: signedWith(withNames("a", "a")) },
      { why: "names that one file system takes for the same", file: signedWith(withNames("Model.onnx", "model.onnx")) },
      { why: "names that differ in normalisation only", file: signedWith(withNames("\u00e9", "e\u0301")) },
    ];
    for (const { why, file } of cases) {
      const signatureFiles = [await file];
      const refusal = refusalOf(() => verifyBundleSignatures({ signatureFiles, publisher: publisher(1, first) }));
      t.equal(refusal.code, "bundle-malformed", `${why}: ${refusal.message}`);
    }
  },
);

t.test(
  "signatures that differ count by their key: one key twice counts once, and makes no second bundle",
  async (t) => {
    const files = await Promise.all([first, first].map((signer) => signStatement(STATEMENT, signer)));
    t.notSame(files[0], files[1], "ECDSA gives another signature each time");
    const refusal = refusalOf(() =>
      verifyBundleSignatures({ signatureFiles: files, publisher: publisher(2, first, second) }),
    );
    t.equal(refusal.code, "publisher-signature");
    const { statement } = verifyBundleSignatures({ signatureFiles: files, publisher: publisher(1, first) });
    t.equal(statement, statementDigest(STATEMENT));
  },
);

t.test("the largest statement that is allowed verifies", async (t) => {
  const files = new Map(
    Array.from({ length: 9_000 }, (_, at) => [`weights/${at}.bin`, { sha256: sha256(String(at)) }]),
  );
  const signatureFiles = [await signStatement(modelStatement("large-1.0.0", files), first)];
  t.equal(verifyBundleSignatures({ signatureFiles, publisher: publisher(1, first) }).resources.length, 9_000);
});

t.test("files are held against the signed ones by name and digest", async (t) => {
  const { resources } = verifyBundleSignatures({
    signatureFiles: [await signStatement(STATEMENT, first)],
    publisher: publisher(1, first),
  });
  t.doesNotThrow(() => {
    checkListing(resources, FILES);
  });
  const swapped = new Map([
    ["model.json", { sha256: sha256("weights") }],
    ["model.onnx", { sha256: sha256("description") }],
  ]);
  const cases = [
    {
      why: "one flipped byte",
      listing: new Map([...FILES, ["model.onnx", { sha256: sha256("Weights") }]]),
      code: "bundle-file-digest",
    },
    { why: "a missing file", listing: new Map([...FILES].slice(0, 1)), code: "bundle-file-digest" },
    {
      why: "an extra file",
      listing: new Map([...FILES, ["run.sh", { sha256: sha256("rm") }]]),
      code: "bundle-unlisted-file",
    },
    { why: "contents exchanged between two signed names", listing: swapped, code: "bundle-file-digest" },
    {
      why: "renamed files, which the standard's subject digest would not notice",
      listing: new Map([...FILES].map(([name, file]) => [`x-${name}`, file])),
      code: "bundle-unlisted-file",
    },
  ];
  for (const { why, listing, code } of cases) {
    t.equal(
      refusalOf(() => {
        checkListing(resources, listing);
      }).code,
      code,
      why,
    );
  }
});

t.test("what is signed is DSSE over an in-toto statement, as the reference writes it", async (t) => {
  const file = JSON.parse((await signStatement(STATEMENT, first)).toString()) as unknown;
  t.match(file, {
    mediaType: "application/vnd.dev.sigstore.bundle.v0.3+json",
    verificationMaterial: { publicKey: { hint: sha256(first.publicKey.pem) }, tlogEntries: [] },
    dsseEnvelope: { payloadType: IN_TOTO_TYPE, payload: STATEMENT.toString("base64"), signatures: [{ keyid: "" }] },
  });
});
