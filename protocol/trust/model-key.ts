/** Keys with which others sign models: any of the curves that OpenSSF Model Signing v1.0 knows. */
import { createPublicKey, verify, type KeyObject } from "node:crypto";
import { ProtocolError } from "../protocol-error.ts";
import { sha256 } from "./digest.ts";
import { preAuthenticationEncoding, type OpenedEnvelope } from "./dsse.ts";

export interface ModelKey {
  readonly key: KeyObject;
  /** The hash that the standard pairs with the key's curve. */
  readonly hash: "sha256" | "sha384" | "sha512";
  /** SHA-256 of the key's PEM text, as a signature file names its key. */
  readonly hint: string;
}

const HASH_OF_CURVE: Readonly<Record<string, ModelKey["hash"]>> = {
  prime256v1: "sha256",
  secp384r1: "sha384",
  secp521r1: "sha512",
};

/** Reads a P-256, P-384 or P-521 public key in PEM. Throws MALFORMED for another kind of key. */
export function modelKeyFromPem(pem: string): ModelKey {
  let key: KeyObject;
  try {
    key = createPublicKey(pem);
  } catch (cause) {
    throw new ProtocolError("MALFORMED", "public key", "is not a public key in PEM", { cause });
  }
  const curve = key.asymmetricKeyDetails?.namedCurve ?? key.asymmetricKeyType ?? "unknown";
  const hash = HASH_OF_CURVE[curve];
  if (hash === undefined) {
    throw new ProtocolError("MALFORMED", "public key", `is ${curve}; models are signed with P-256, P-384 or P-521`);
  }
  return { key, hash, hint: sha256(key.export({ type: "spki", format: "pem" })) };
}

/** ECDSA over the envelope's pre-authentication encoding, DER. */
export function modelSignatureHolds(key: ModelKey, envelope: OpenedEnvelope): boolean {
  const bytes = preAuthenticationEncoding(envelope.payloadType, envelope.payload);
  return envelope.signatures.some((signature) => ecdsaHolds(key, bytes, signature));
}

/** ECDSA with the hash of the key's curve, DER. False for anything that is not a valid signature, malformed ones too. */
export function ecdsaHolds({ key, hash }: ModelKey, bytes: Uint8Array, signature: Uint8Array): boolean {
  return verify(hash, bytes, key, signature);
}
