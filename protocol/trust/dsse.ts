/** Dead Simple Signing Envelope v1 (secure-systems-lab/dsse): the payload's exact bytes are signed, then parsed. */
import { Type, type Static } from "typebox";
import { DOCUMENT_BYTES_MAX, SIGNATURES_MAX } from "../limits.ts";

import { gate, parseJson } from "../schema.ts";
import { decodeBase64, encodeBase64 } from "./base64.ts";
import { signatureHolds, type PublicKey, type Signer } from "./keys.ts";

export const DsseEnvelope = Type.Object({
  payload: Type.String(),
  payloadType: Type.String({ maxLength: 256 }),
  signatures: Type.Array(
    // `keyid` is a hint and may be empty, null or absent: it never decides anything.
    Type.Object({
      sig: Type.String({ maxLength: 1_024 }),
      keyid: Type.Optional(Type.Union([Type.String(), Type.Null()])),
    }),
    { minItems: 1, maxItems: SIGNATURES_MAX },
  ),
});
export type DsseEnvelope = Static<typeof DsseEnvelope>;

/** An envelope, decoded strictly; nothing in it is believed yet. */
export interface OpenedEnvelope {
  readonly payloadType: string;
  readonly payload: Buffer;
  readonly signatures: readonly Buffer[];
}

/** DSSE pre-authentication encoding: the bytes that are signed. */
export function preAuthenticationEncoding(payloadType: string, payload: Uint8Array): Buffer {
  const type = Buffer.from(payloadType);
  return Buffer.concat([
    Buffer.from(`DSSEv1 ${type.byteLength} `),
    type,
    Buffer.from(` ${payload.byteLength} `),
    payload,
  ]);
}

export async function signEnvelope(
  payloadType: string,
  payload: Uint8Array,
  signers: readonly Signer[],
): Promise<DsseEnvelope> {
  const bytes = preAuthenticationEncoding(payloadType, payload);
  const signatures = await Promise.all(
    signers.map(async ({ publicKey, sign }) => ({ keyid: publicKey.id, sig: encodeBase64(await sign(bytes)) })),
  );
  return { payload: encodeBase64(payload), payloadType, signatures };
}

const check = gate("signed envelope", DsseEnvelope);

/** Size, syntax, schema, strict base64: throws OVERSIZE, MALFORMED or SCHEMA. */
export function parseEnvelope(bytes: Uint8Array): OpenedEnvelope {
  // Base64 makes a third more of a document, and the envelope around it is small.
  return openEnvelope(parseJson("signed envelope", bytes, 2 * DOCUMENT_BYTES_MAX, check));
}

export function openEnvelope(envelope: DsseEnvelope): OpenedEnvelope {
  return {
    payloadType: envelope.payloadType,
    payload: decodeBase64("envelope payload", envelope.payload),
    signatures: envelope.signatures.map(({ sig }) => decodeBase64("envelope signature", sig)),
  };
}

/** How many distinct keys signed: one key counts once, however many signatures or key ids carry it. */
export function countSigningKeys(envelope: OpenedEnvelope, keys: readonly PublicKey[]): number {
  const bytes = preAuthenticationEncoding(envelope.payloadType, envelope.payload);
  const distinct = new Map(keys.map((key) => [key.fingerprint, key]));
  return [...distinct.values()].filter((key) => envelope.signatures.some((sig) => signatureHolds(key, bytes, sig)))
    .length;
}

/** The payload as JSON through its schema; call only after the signatures have been counted. */
export function envelopeJson<T>(subject: string, envelope: OpenedEnvelope, checkPayload: (value: unknown) => T): T {
  return parseJson(subject, envelope.payload, DOCUMENT_BYTES_MAX, checkPayload);
}
