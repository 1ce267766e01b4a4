/** Files in the form of Project Wycheproof (C2SP/wycheproof, `ecdsa_verify_schema_v1.json`), held against our verification. */
import { Type, type Static } from "typebox";
import { derSignature } from "../../common/ecdsa-signature.ts";
import { gate } from "../../protocol/schema.ts";
import { publicKeyFromPem, signatureHolds } from "../../protocol/trust/keys.ts";
import { ecdsaHolds, modelKeyFromPem, type ModelKey } from "../../protocol/trust/model-key.ts";

const Hex = Type.String({ pattern: "^([0-9a-f]{2})*$" });

const VectorFile = Type.Object({
  testGroups: Type.Array(
    Type.Object({
      /** EcdsaVerify: DER. EcdsaP1363Verify: r and s, one after the other. */
      type: Type.Union([Type.Literal("EcdsaVerify"), Type.Literal("EcdsaP1363Verify")]),
      publicKeyPem: Type.String(),
      sha: Type.String(),
      tests: Type.Array(
        Type.Object({
          tcId: Type.Integer(),
          comment: Type.String(),
          msg: Hex,
          sig: Hex,
          /** `acceptable`: either answer is sound. */
          result: Type.Union([Type.Literal("valid"), Type.Literal("invalid"), Type.Literal("acceptable")]),
        }),
      ),
    }),
    { minItems: 1 },
  ),
});
type Group = Static<typeof VectorFile>["testGroups"][number];

const check = gate("vector file", VectorFile, { explainedPartsMax: Infinity });

interface VectorResult {
  readonly tried: number;
  /** Of a curve with another hash than the standard pairs with it: nothing here takes such a signature. */
  readonly skipped: number;
  /** A sentence for each vector that was answered wrongly. */
  readonly wrong: readonly string[];
}

/** Throws ProtocolError for a file of another form. */
export function tryVectors(file: unknown): VectorResult {
  const { testGroups } = check(file);
  let [tried, skipped] = [0, 0];
  const wrong: string[] = [];
  for (const group of testGroups) {
    const key = modelKeyFromPem(group.publicKeyPem);
    const answers = answersFor(group, key);
    if (answers.length === 0) skipped += group.tests.length;
    for (const { by, holds } of answers) {
      for (const { tcId, comment, msg, sig, result } of group.tests) {
        const isTaken = holds(Buffer.from(msg, "hex"), Buffer.from(sig, "hex"));
        tried += 1;
        if (result === "acceptable" || isTaken === (result === "valid")) continue;
        wrong.push(`${by} ${isTaken ? "takes" : "refuses"} vector ${String(tcId)} (${comment}), which is ${result}`);
      }
    }
  }
  return { tried, skipped, wrong };
}

interface Answer {
  readonly by: string;
  readonly holds: (bytes: Uint8Array, signature: Uint8Array) => boolean;
}

/** Everything here that verifies signatures of this kind. */
function answersFor({ type, publicKeyPem, sha }: Group, key: ModelKey): readonly Answer[] {
  if (sha.toLowerCase().replace("-", "") !== key.hash) return [];
  const isP256 = key.hash === "sha256";
  if (type === "EcdsaP1363Verify") return isP256 ? [{ by: "derSignature", holds: rawHolds(publicKeyPem) }] : [];
  const answers: Answer[] = [{ by: "ecdsaHolds", holds: (bytes, signature) => ecdsaHolds(key, bytes, signature) }];
  if (!isP256) return answers;
  const p256 = publicKeyFromPem(publicKeyPem);
  return [...answers, { by: "signatureHolds", holds: (bytes, signature) => signatureHolds(p256, bytes, signature) }];
}

/** As the output of a signer's command is taken: r and s of 32 bytes each, made DER. */
function rawHolds(publicKeyPem: string): Answer["holds"] {
  const key = publicKeyFromPem(publicKeyPem);
  return (bytes, signature) => {
    const der = derSignature(signature);
    return der !== undefined && signatureHolds(key, bytes, der);
  };
}
