/** Signed documents: envelopes before their signatures are counted, and what is in them after that. */
import { generateKeyPairSync } from "node:crypto";
import { derSignature } from "../../../common/ecdsa-signature.ts";
import { deploymentContentDigest, deploymentIn, DEPLOYMENT_TYPE } from "../../../protocol/trust/deployment.ts";
import { sha256 } from "../../../protocol/trust/digest.ts";
import { countSigningKeys, parseEnvelope } from "../../../protocol/trust/dsse.ts";
import { publicKeyFromPem } from "../../../protocol/trust/keys.ts";
import { modelKeyFromPem, modelSignatureHolds } from "../../../protocol/trust/model-key.ts";
import { BundleRefused, verifyBundleSignatures } from "../../../protocol/trust/model-signing.ts";
import { modelStatement, parseModelStatement } from "../../../protocol/trust/model-statement.ts";
import { reportIn, REPORT_TYPE } from "../../../protocol/trust/report.ts";
import {
  acceptFirstRoot,
  acceptNextRoot,
  readUnsignedRoot,
  signersOf,
  signRoot,
} from "../../../protocol/trust/root.ts";
import { openSignatureFile, signStatement } from "../../../protocol/trust/signature-file.ts";
import { newOwners, newRoot, newSigner, rootOf } from "../../support/keys.ts";
import { BrokenClaim, type FuzzTarget } from "../fuzz-target.ts";
import { allowRefusal, isProtocolError, wireFiles } from "../seed-files.ts";

const owners = newOwners();
const publisher = newSigner();
const role = { keys: [publisher.publicKey], threshold: 1 };
const files = new Map(
  ["labels.txt", "model.json", "weights/model.onnx"].map((name) => [name, { sha256: sha256(name) }]),
);
const statement = modelStatement("digits-1.0.0", files);

const payloadsOf = (file: RegExp) => wireFiles(file).map((bytes) => parseEnvelope(bytes).payload);

export const DOCUMENT_TARGETS: readonly FuzzTarget[] = [
  {
    name: "envelope",
    grammar: "json",
    seeds: () => wireFiles(/\.dsse\.json$/),
    decode: (input) => {
      const signed = countSigningKeys(parseEnvelope(input), [publisher.publicKey]);
      if (signed > 0) throw new BrokenClaim("counts a signature of a key that signed nothing");
    },
    isRefusal: isProtocolError,
  },
  {
    name: "deployment",
    grammar: "json",
    seeds: () => payloadsOf(/^deployment.*\.dsse\.json$/),
    decode: (input) => {
      const payload = Buffer.from(input);
      deploymentContentDigest(deploymentIn({ payloadType: DEPLOYMENT_TYPE, payload, signatures: [] }));
    },
    isRefusal: isProtocolError,
  },
  {
    name: "report",
    grammar: "json",
    seeds: () => payloadsOf(/^report.*\.dsse\.json$/),
    decode: (input) => reportIn({ payloadType: REPORT_TYPE, payload: Buffer.from(input), signatures: [] }),
    isRefusal: isProtocolError,
  },
  {
    name: "root",
    grammar: "json",
    cost: 8,
    seeds: async () => [
      ...wireFiles(/^root.*\.json$/),
      await signRoot(rootOf(owners), [owners.owner]),
      await signRoot(rootOf(owners, { version: 2 }), [owners.owner]),
    ],
    decode: async (input) => {
      const current = await newRoot(owners);
      const attempts = [
        () => readUnsignedRoot(input),
        () => acceptFirstRoot(input, sha256(input)),
        () => acceptNextRoot(current, input),
        () => signersOf(input, [owners.owner.publicKey]),
      ];
      attempts.forEach(allowRefusal);
    },
    isRefusal: isProtocolError,
  },
  {
    name: "statement",
    grammar: "json",
    cost: 8,
    seeds: () => [statement],
    words: ["../", "/", "\\", "\u0000", "model.json", ".", "sha256"],
    decode: async (input) => {
      const signatureFiles = [await signStatement(input, publisher)];
      return verifyBundleSignatures({ signatureFiles, publisher: role });
    },
    isRefusal: (thrown) => thrown instanceof BundleRefused,
  },
  {
    name: "signature-file",
    grammar: "json",
    cost: 4,
    seeds: async () => [await signStatement(statement, publisher)],
    decode: (input) => {
      const { envelope } = openSignatureFile(input);
      if (!modelSignatureHolds({ ...publisher.publicKey, hash: "sha256" }, envelope)) return;
      if (!envelope.payload.equals(statement)) throw new BrokenClaim("takes a signature for another statement");
      parseModelStatement(envelope.payload);
    },
    isRefusal: isProtocolError,
  },
  {
    name: "public-key",
    grammar: "text",
    cost: 4,
    seeds: () =>
      ["P-256", "P-384", "P-521"].map((namedCurve) => {
        const { publicKey } = generateKeyPairSync("ec", { namedCurve });
        return Buffer.from(publicKey.export({ type: "spki", format: "pem" }));
      }),
    words: [
      "-----BEGIN PUBLIC KEY-----\n",
      "-----BEGIN RSA PUBLIC KEY-----\n",
      "-----END PUBLIC KEY-----\n",
      "MII",
      "=",
    ],
    decode: (input) => {
      const pem = Buffer.from(input).toString();
      allowRefusal(() => modelKeyFromPem(pem));
      allowRefusal(() => publicKeyFromPem(pem));
    },
    isRefusal: isProtocolError,
  },
  {
    name: "signer-output",
    grammar: "bytes",
    seeds: async () => [await publisher.sign(statement), new Uint8Array(64).fill(1), new Uint8Array(64)],
    decode: (input) => {
      const der = derSignature(input);
      if (der === undefined) return;
      if (der.byteLength > 72) throw new BrokenClaim(`makes a signature of ${String(der.byteLength)} bytes`);
      if (derSignature(der) !== der) throw new BrokenClaim("makes DER that it does not take itself");
    },
    isRefusal: () => false,
  },
];
