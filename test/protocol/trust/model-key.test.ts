import { generateKeyPairSync, sign } from "node:crypto";
import t from "tap";
import { preAuthenticationEncoding } from "../../../protocol/trust/dsse.ts";
import { modelKeyFromPem, modelSignatureHolds } from "../../../protocol/trust/model-key.ts";

for (const [curve, hash] of [
  ["P-256", "sha256"],
  ["P-384", "sha384"],
  ["P-521", "sha512"],
] as const) {
  t.test(`a ${curve} key verifies with ${hash}, and with nothing else`, async (t) => {
    const { publicKey, privateKey } = generateKeyPairSync("ec", { namedCurve: curve });
    const key = modelKeyFromPem(publicKey.export({ type: "spki", format: "pem" }).toString());
    t.equal(key.hash, hash);
    const [payloadType, payload] = ["application/vnd.in-toto+json", Buffer.from("{}")];
    const bytes = preAuthenticationEncoding(payloadType, payload);
    const envelope = (signature: Buffer) => ({ payloadType, payload, signatures: [signature] });
    t.ok(modelSignatureHolds(key, envelope(sign(hash, bytes, privateKey))));
    for (const other of ["sha256", "sha384", "sha512"].filter((name) => name !== hash)) {
      t.notOk(modelSignatureHolds(key, envelope(sign(other, bytes, privateKey))), other);
    }
    t.notOk(modelSignatureHolds(key, envelope(sign(hash, payload, privateKey))), "the payload alone");
  });
}

t.test("keys that the standard does not know are refused with the reason", async (t) => {
  const ed25519 = generateKeyPairSync("ed25519").publicKey.export({ type: "spki", format: "pem" }).toString();
  const koblitz = generateKeyPairSync("ec", { namedCurve: "secp256k1" }).publicKey;
  t.throws(() => modelKeyFromPem(ed25519), { message: /ed25519/ });
  t.throws(() => modelKeyFromPem(koblitz.export({ type: "spki", format: "pem" }).toString()), { message: /secp256k1/ });
  t.throws(() => modelKeyFromPem("no key"), { code: "MALFORMED" });
});
