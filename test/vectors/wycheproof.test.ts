import t from "tap";
import { createPublicKey, createHash } from "node:crypto";
import { derSignature } from "../../common/ecdsa-signature.ts";
import { countSigningKeys, openEnvelope } from "../../protocol/trust/dsse.ts";
import { publicKeyFrom } from "../../protocol/trust/keys.ts";
import { CURVES, hostileRawSignatures, hostileSignatures, type Curve } from "./hostile-signatures.ts";
import { tryVectors } from "./wycheproof.ts";

/** What is made of a signature depends on it: a first bit that is set needs a zero before it, one in 256 is shorter. */
const ROUNDS = 20;

for (const curve of Object.keys(CURVES) as Curve[]) {
  t.test(`${curve}: a signature holds in one form only, and with the numbers that a signer makes`, async (t) => {
    for (let round = 0; round < ROUNDS; round += 1) {
      const { tried, wrong } = tryVectors(hostileSignatures(curve));
      t.same(wrong, []);
      t.ok(tried >= 31);
    }
  });
}

t.test("raw signatures hold when they have two numbers of 32 bytes within the group", async (t) => {
  for (let round = 0; round < ROUNDS; round += 1) t.same(tryVectors(hostileRawSignatures()).wrong, []);
});

t.test("a vector that is answered wrongly is told", async (t) => {
  const file = JSON.parse(
    JSON.stringify(hostileSignatures("P-256")).replace('"result":"valid"', '"result":"invalid"'),
  ) as unknown;
  t.match(tryVectors(file).wrong, [/ecdsaHolds takes vector 1/, /signatureHolds takes vector 1/]);
  const refused = JSON.parse(
    JSON.stringify(hostileSignatures("P-521")).replace('"result":"invalid"', '"result":"valid"'),
  ) as unknown;
  t.match(tryVectors(refused).wrong, [/refuses vector 2/]);
  t.throws(() => tryVectors({ testGroups: [] }), { code: "SCHEMA" });
});

t.test("a curve with another hash than its own is passed over", async (t) => {
  const file = JSON.parse(JSON.stringify(hostileSignatures("P-384")).replace("SHA-384", "SHA-256")) as unknown;
  t.match(tryVectors(file), { tried: 0, wrong: [] });
});

t.test("the example of the DSSE specification verifies: its signature is raw", async (t) => {
  // secure-systems-lab/dsse, protocol.md, "Test Vectors".
  const coordinate = (decimal: bigint) =>
    Buffer.from(decimal.toString(16).padStart(64, "0"), "hex").toString("base64url");
  const key = createPublicKey({
    format: "jwk",
    key: {
      kty: "EC",
      crv: "P-256",
      x: coordinate(46950820868899156662930047687818585632848591499744589407958293238635476079160n),
      y: coordinate(5640078356564379163099075877009565129882514886557779369047442380624545832820n),
    },
  });
  const raw = Buffer.from(
    "A3JqsQGtVsJ2O2xqrI5IcnXip5GToJ3F+FnZ+O88SjtR6rDAajabZKciJTfUiHqJPcIAriEGAHTVeCUjW2JIZA==",
    "base64",
  );
  const sig = Buffer.from(derSignature(raw) ?? []).toString("base64");
  const payload = Buffer.from("hello world").toString("base64");
  const opened = openEnvelope({ payload, payloadType: "http://example.com/HelloWorld", signatures: [{ sig }] });
  t.equal(countSigningKeys(opened, [publicKeyFrom(key)]), 1, createHash("sha256").update(raw).digest("hex"));
});
