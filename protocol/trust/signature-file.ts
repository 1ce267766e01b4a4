/** A `.sig` file of OpenSSF Model Signing v1.0: a Sigstore bundle v0.3 that holds one signature over one statement. */
import { Type } from "typebox";
import { SIGNATURE_FILE_BYTES_MAX } from "../limits.ts";
import { ProtocolError } from "../protocol-error.ts";
import { gate, parseJson } from "../schema.ts";
import { encodeBase64 } from "./base64.ts";
import { DsseEnvelope, openEnvelope, preAuthenticationEncoding, type OpenedEnvelope } from "./dsse.ts";
import type { Signer } from "./keys.ts";

export const SIGSTORE_BUNDLE_TYPE = "application/vnd.dev.sigstore.bundle.v0.3+json";
export const IN_TOTO_TYPE = "application/vnd.in-toto+json";

/** Other fields are ignored: what else a Sigstore bundle may carry (log entries, a key's bytes) proves nothing here. */
const SigstoreBundle = Type.Object({
  mediaType: Type.Literal(SIGSTORE_BUNDLE_TYPE),
  verificationMaterial: Type.Object({
    /** Absent where a certificate signed; the hint is absent in files of before version 1.1 of the reference. */
    publicKey: Type.Optional(
      Type.Object({ hint: Type.Optional(Type.Union([Type.String({ maxLength: 256 }), Type.Null()])) }),
    ),
  }),
  dsseEnvelope: DsseEnvelope,
});

/** A signature file, decoded strictly; nothing in it is believed yet. */
export interface OpenedSignatureFile {
  readonly envelope: OpenedEnvelope;
  /** SHA-256 of the PEM text of the signer's public key: names a key for people, decides nothing. */
  readonly keyHint: string | undefined;
  /** False where a certificate (keyless signing, a company's CA) stands instead of a key. */
  readonly byKey: boolean;
}

const check = gate("signature file", SigstoreBundle);

/** Size, syntax, schema, strict base64, the payload's type, exactly one signature. Throws ProtocolError. */
export function openSignatureFile(bytes: Uint8Array): OpenedSignatureFile {
  const { verificationMaterial, dsseEnvelope } = parseJson("signature file", bytes, SIGNATURE_FILE_BYTES_MAX, check);
  // The standard allows one; several signers write several files over the same statement.
  if (dsseEnvelope.signatures.length !== 1) {
    throw new ProtocolError("SCHEMA", "signature file", `${dsseEnvelope.signatures.length} signatures instead of one`);
  }
  if (dsseEnvelope.payloadType !== IN_TOTO_TYPE) {
    throw new ProtocolError("SCHEMA", "signature file", `signs ${dsseEnvelope.payloadType}, not ${IN_TOTO_TYPE}`);
  }
  return {
    envelope: openEnvelope(dsseEnvelope),
    keyHint: verificationMaterial.publicKey?.hint ?? undefined,
    byKey: verificationMaterial.publicKey !== undefined,
  };
}

/** The file with which `signer` vouches for a statement, as the reference implementation writes and reads it. */
export async function signStatement(payload: Uint8Array, signer: Signer): Promise<Buffer> {
  const signature = await signer.sign(preAuthenticationEncoding(IN_TOTO_TYPE, payload));
  return Buffer.from(
    JSON.stringify({
      mediaType: SIGSTORE_BUNDLE_TYPE,
      verificationMaterial: { publicKey: { hint: signer.publicKey.hint }, tlogEntries: [] },
      dsseEnvelope: {
        payload: encodeBase64(payload),
        payloadType: IN_TOTO_TYPE,
        signatures: [{ sig: encodeBase64(signature), keyid: "" }],
      },
    }),
  );
}
