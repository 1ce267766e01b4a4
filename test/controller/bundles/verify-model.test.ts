/** Models that other people signed with other tools: the variations of the reference implementation, made here. */
import { generateKeyPairSync, sign, type KeyObject } from "node:crypto";
import { mkdirSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import t, { type Test } from "tap";
import { openBundleSource } from "../../../controller/bundles/bundle-source.ts";
import { verifyModel } from "../../../controller/bundles/verify-model.ts";
import { sha256 } from "../../../protocol/trust/digest.ts";
import { preAuthenticationEncoding } from "../../../protocol/trust/dsse.ts";
import { modelKeyFromPem } from "../../../protocol/trust/model-key.ts";

const FILES: Readonly<Record<string, string>> = { "z.bin": "weights", "config/a.json": "{}", README: "hello" };

interface Variation {
  readonly curve?: "P-256" | "P-384" | "P-521";
  readonly hash?: string;
  /** Names and contents, in the order in which they are listed. */
  readonly resources?: readonly (readonly [name: string, content: string])[];
  readonly serialization?: object;
  readonly publicKey?: object;
  readonly certificate?: object;
  readonly signature?: object;
  readonly predicateType?: string;
}

/** A signature file as the reference writes it, with what differs between its versions. */
function signatureOf(variation: Variation): { readonly file: string; readonly pem: string; readonly key: KeyObject } {
  const { curve = "P-256", resources = Object.entries(FILES).sort() } = variation;
  const hash = variation.hash ?? { "P-256": "sha256", "P-384": "sha384", "P-521": "sha512" }[curve];
  const { privateKey, publicKey } = generateKeyPairSync("ec", { namedCurve: curve });
  const pem = publicKey.export({ type: "spki", format: "pem" }).toString();
  const listed = resources.map(([name, content]) => ({ digest: sha256(content), name, algorithm: "sha256" }));
  const statement = {
    _type: "https://in-toto.io/Statement/v1",
    subject: [
      {
        name: "finbert",
        digest: { sha256: sha256(Buffer.concat(listed.map(({ digest }) => Buffer.from(digest, "hex")))) },
      },
    ],
    predicateType: variation.predicateType ?? "https://model_signing/signature/v1.0",
    predicate: {
      serialization: { method: "files", hash_type: "sha256", allow_symlinks: false, ...variation.serialization },
      resources: listed,
    },
  };
  // The reference prints its statement with two spaces: the bytes are signed as they are.
  const payload = Buffer.from(JSON.stringify(statement, undefined, 2));
  const payloadType = "application/vnd.in-toto+json";
  const sig = sign(hash, preAuthenticationEncoding(payloadType, payload), privateKey).toString("base64");
  const material = variation.certificate ?? { publicKey: variation.publicKey ?? { hint: sha256(pem) } };
  const file = JSON.stringify({
    mediaType: "application/vnd.dev.sigstore.bundle.v0.3+json",
    verificationMaterial: { ...material, tlogEntries: [] },
    dsseEnvelope: {
      payload: payload.toString("base64"),
      payloadType,
      signatures: [{ sig, keyid: "", ...variation.signature }],
    },
  });
  return { file, pem, key: publicKey };
}

function writeModel(directory: string, files = FILES): string {
  for (const [name, content] of Object.entries(files)) {
    mkdirSync(dirname(join(directory, name)), { recursive: true });
    writeFileSync(join(directory, name), content);
  }
  return directory;
}

async function verify(path: string, pem: string, options: { signature?: string; ignore?: readonly string[] } = {}) {
  return verifyModel(await openBundleSource(path), {
    key: modelKeyFromPem(pem),
    ignore: options.ignore ?? [],
    ...(options.signature === undefined ? {} : { signature: options.signature }),
  });
}

function signedModel(t: Test, variation: Variation = {}) {
  const directory = writeModel(join(t.testdir(), "finbert"));
  const { file, pem } = signatureOf(variation);
  writeFileSync(join(directory, "model.sig"), file);
  return { directory, pem };
}

t.test("whatever a v1.0 key signature may look like, it verifies", async (t) => {
  const cases: readonly { why: string; variation: Variation }[] = [
    { why: "P-256 with SHA-256", variation: { curve: "P-256" } },
    { why: "P-384 with SHA-384", variation: { curve: "P-384" } },
    { why: "P-521 with SHA-512", variation: { curve: "P-521" } },
    { why: "a key id that is null", variation: { signature: { keyid: null } } },
    { why: "a key id that is absent", variation: { signature: { keyid: undefined } } },
    { why: "a key id of something", variation: { signature: { keyid: "hsm-7" } } },
    {
      why: "no hint, as before 1.1",
      variation: { publicKey: { rawBytes: "x", keyDetails: "PKIX_ECDSA_P384_SHA_384" } },
    },
    { why: "resources in an order of their own", variation: { resources: Object.entries(FILES).toReversed() } },
    {
      why: "ignored paths",
      variation: { serialization: { ignore_paths: [".git", "model.sig", "../out", "/abs", "."] } },
    },
    { why: "links allowed, where there are none", variation: { serialization: { allow_symlinks: true } } },
  ];
  for (const { why, variation } of cases) {
    const { directory, pem } = signedModel(t, variation);
    t.match(await verify(directory, pem), { subject: "finbert", files: 3 }, why);
  }
});

t.test("the signature is found where people put it, or where it is said to be", async (t) => {
  const { file, pem } = signatureOf({});
  const places = ["finbert/.oms/any.sig", "finbert/model.sig", "model.sig", "finbert.sig"];
  for (const place of places) {
    const folder = t.testdir();
    const directory = writeModel(join(folder, "finbert"));
    writeModel(folder, { [place]: file });
    t.equal((await verify(directory, pem)).signature, join(folder, place));
  }
  const folder = t.testdir();
  const directory = writeModel(join(folder, "finbert"));
  await t.rejects(verify(directory, pem), { code: "no-signature", hint: /--signature/ });
  const elsewhere = join(folder, "elsewhere.json");
  writeFileSync(elsewhere, file);
  t.equal((await verify(directory, pem, { signature: elsewhere })).files, 3);
});

t.test("a single file is a model too", async (t) => {
  const folder = t.testdir({ "model.onnx": "weights" });
  const { file, pem } = signatureOf({ resources: [[".", "weights"]] });
  writeFileSync(join(folder, "model.sig"), file);
  t.equal((await verify(join(folder, "model.onnx"), pem)).files, 1);
  writeFileSync(join(folder, "model.onnx"), "Weights");
  await t.rejects(verify(join(folder, "model.onnx"), pem), { code: "bundle-file-digest" });
});

t.test("of several publishers' signatures, the one by the given key is looked at", async (t) => {
  const directory = writeModel(join(t.testdir(), "finbert"));
  const [one, other] = [signatureOf({}), signatureOf({ curve: "P-384" })];
  writeModel(directory, { ".oms/a.sig": one.file, ".oms/b.sig": other.file });
  for (const { pem } of [one, other]) t.equal((await verify(directory, pem)).files, 3);
});

t.test("what lies beside the model and is not signed is ignored only where that is said", async (t) => {
  const { directory, pem } = signedModel(t, { serialization: { ignore_paths: ["./cache/", "model.sig"] } });
  writeModel(directory, { "cache/deep/x": "x", ".git/config": "x", ".gitignore": "x" });
  t.equal((await verify(directory, pem)).files, 3);
  writeModel(directory, { "notes.txt": "x" });
  await t.rejects(verify(directory, pem), { code: "bundle-unlisted-file", message: /notes\.txt/ });
  t.equal((await verify(directory, pem, { ignore: ["notes.txt"] })).files, 3);
});

t.test("what is not as it was signed is refused with the reason", async (t) => {
  const tampered = signedModel(t);
  writeFileSync(join(tampered.directory, "z.bin"), "Weights");
  await t.rejects(verify(tampered.directory, tampered.pem), { code: "bundle-file-digest", message: /z\.bin/ });

  const lacking = signedModel(t);
  rmSync(join(lacking.directory, "README"));
  await t.rejects(verify(lacking.directory, lacking.pem), { code: "bundle-file-digest", message: /missing/ });

  const linked = signedModel(t, { serialization: { allow_symlinks: true } });
  symlinkSync("z.bin", join(linked.directory, "link"));
  await t.rejects(verify(linked.directory, linked.pem), { code: "irregular-file" });

  const stranger = signatureOf({});
  const { directory } = signedModel(t);
  await t.rejects(verify(directory, stranger.pem), { code: "publisher-signature", message: /it names key/ });
});

t.test("what cannot be verified here says what it is", async (t) => {
  const cases: readonly { why: string; variation: Variation; message: RegExp }[] = [
    {
      why: "a hash that does not belong to the curve",
      variation: { curve: "P-384", hash: "sha256" },
      message: /not signed with this key/,
    },
    {
      why: "shards",
      variation: { serialization: { method: "shards", shard_size: 1 } },
      message: /"shards"; only "files"/,
    },
    { why: "another file hash", variation: { serialization: { hash_type: "blake3" } }, message: /blake3; only sha256/ },
    {
      why: "the experimental format",
      variation: { predicateType: "https://model_signing/Digests/v0.1" },
      message: /predicateType/,
    },
    {
      why: "a path that leads out of the directory",
      variation: { resources: [["../z.bin", "weights"]] },
      message: /`\.\.` segment/,
    },
  ];
  for (const { why, variation, message } of cases) {
    const { directory, pem } = signedModel(t, variation);
    await t.rejects(verify(directory, pem), { name: "BundleRefused", message }, why);
  }
  const byCertificate = signedModel(t, { certificate: { certificate: { rawBytes: "x" } } });
  const { pem } = signatureOf({});
  await t.rejects(verify(byCertificate.directory, pem), { message: /signed with a certificate/ });
});
