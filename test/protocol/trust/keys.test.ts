import t from "tap";
import { generateKeyPairSync } from "node:crypto";
import { keySigner, publicKeyFrom, publicKeyFromPem, signatureHolds } from "../../../protocol/trust/keys.ts";
import { newSigner } from "../../support/keys.ts";

t.test("one key has one fingerprint and id, however its PEM is written", async (t) => {
  const { publicKey } = newSigner();
  const rewritten = publicKeyFromPem(publicKey.pem.replaceAll("\n", "\r\n"));
  t.equal(rewritten.fingerprint, publicKey.fingerprint);
  t.equal(rewritten.id, publicKey.id);
});

t.test("a signature holds for its bytes and its key alone", async (t) => {
  const signer = newSigner();
  const signature = await signer.sign(Buffer.from("yes"));
  t.ok(signatureHolds(signer.publicKey, Buffer.from("yes"), signature));
  t.notOk(signatureHolds(signer.publicKey, Buffer.from("no"), signature));
  t.notOk(signatureHolds(newSigner().publicKey, Buffer.from("yes"), signature));
  t.notOk(
    signatureHolds(signer.publicKey, Buffer.from("yes"), Buffer.from("garbage")),
    "malformed bytes are no exception",
  );
  t.notOk(signatureHolds(signer.publicKey, Buffer.from("yes"), Buffer.alloc(0)));
});

const otherKeys = [
  { kind: "P-384", pair: generateKeyPairSync("ec", { namedCurve: "P-384" }) },
  { kind: "Ed25519", pair: generateKeyPairSync("ed25519") },
  { kind: "RSA", pair: generateKeyPairSync("rsa", { modulusLength: 2_048 }) },
];

for (const { kind, pair } of otherKeys) {
  t.test(`a key of kind ${kind} is refused: one curve serves everything`, async (t) => {
    t.throws(() => publicKeyFrom(pair.publicKey), { code: "MALFORMED", message: /only ECDSA P-256/ });
    t.throws(() => keySigner(pair.privateKey), { code: "MALFORMED" });
  });
}

t.test("text that is no key is refused in words", async (t) =>
  t.throws(() => publicKeyFromPem("hello"), { message: /PEM public key/ }),
);
