import { canonicalize } from "@tufjs/canonical-json";
import { createPublicKey, sign, verify, type KeyObject } from "node:crypto";
import { ProtocolError } from "../protocol-error.ts";
import { sha256 } from "./digest.ts";

/** A public key in the ways that the documents refer to it. */
export interface PublicKey {
  readonly key: KeyObject;
  /** SPKI in PEM, exactly as Node prints it: what the key id and the hint are computed from. */
  readonly pem: string;
  /** TUF key id: SHA-256 of the canonical JSON of the key. */
  readonly id: string;
  /** OpenSSF Model Signing's key hint: SHA-256 of the PEM text. */
  readonly hint: string;
  /** SHA-256 of the SPKI DER: the same for one key however its PEM is written. Distinct keys are counted by this. */
  readonly fingerprint: string;
}

/** One curve for everything that Modelferry signs: it is in every HSM, KMS and TPM. */
const CURVE = "prime256v1";

export const TUF_KEY_TYPE = "ecdsa";
export const TUF_SCHEME = "ecdsa-sha2-nistp256";

/** Reads a P-256 public key in PEM. Throws MALFORMED for another kind of key. */
export function publicKeyFromPem(pem: string): PublicKey {
  let key: KeyObject;
  try {
    key = createPublicKey(pem);
  } catch (cause) {
    throw new ProtocolError("MALFORMED", "public key", "is not a PEM public key", { cause });
  }
  return publicKeyFrom(key);
}

/** The public half of a private key, or a public key itself. */
export function publicKeyFrom(key: KeyObject): PublicKey {
  if (key.asymmetricKeyType !== "ec" || key.asymmetricKeyDetails?.namedCurve !== CURVE) {
    const kind = key.asymmetricKeyDetails?.namedCurve ?? key.asymmetricKeyType ?? "a secret";
    throw new ProtocolError("MALFORMED", "key", `is ${kind}; only ECDSA P-256 is used here`);
  }
  const publicKey = key.type === "private" ? createPublicKey(key) : key;
  const pem = publicKey.export({ type: "spki", format: "pem" }).toString();
  return {
    key: publicKey,
    pem,
    id: sha256(canonicalize({ keytype: TUF_KEY_TYPE, scheme: TUF_SCHEME, keyval: { public: pem } })),
    hint: sha256(pem),
    fingerprint: sha256(publicKey.export({ type: "spki", format: "der" })),
  };
}

/** Signs exact bytes: a key file, an HSM or a KMS behind it. DER, ECDSA P-256 with SHA-256. */
export interface Signer {
  readonly publicKey: PublicKey;
  readonly sign: (bytes: Uint8Array) => Promise<Uint8Array>;
}

/** A signer from a private key in memory. */
export function keySigner(privateKey: KeyObject): Signer {
  const publicKey = publicKeyFrom(privateKey);
  return { publicKey, sign: (bytes) => Promise.resolve(sign("sha256", bytes, privateKey)) };
}

/** ECDSA P-256 with SHA-256, DER. False for anything that is not a valid signature, malformed ones too. */
export function signatureHolds(publicKey: PublicKey, bytes: Uint8Array, signature: Uint8Array): boolean {
  return verify("sha256", bytes, publicKey.key, signature);
}
