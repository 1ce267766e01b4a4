import { generateKeyPairSync, sign, verify } from "node:crypto";
import t from "tap";
import { derSignature } from "../../common/ecdsa-signature.ts";

const { privateKey, publicKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
const bytes = Buffer.from("what is signed");

t.test("raw r||s and DER verify alike, whatever zeros the numbers begin with", async (t) => {
  for (let round = 0; round < 300; round += 1) {
    const raw = sign("sha256", bytes, { key: privateKey, dsaEncoding: "ieee-p1363" });
    const der = derSignature(raw);
    if (der === undefined || !verify("sha256", bytes, publicKey, der)) t.fail(raw.toString("hex"));
    if (der !== undefined) t.equal(derSignature(der), der, "DER stays as it is");
  }
});

const small = Buffer.alloc(64);
small[31] = 1;
small[32] = 0x80;
t.test("short and high numbers get the one encoding that DER allows", async (t) => {
  const der = derSignature(small);
  t.equal(Buffer.from(der ?? []).toString("hex"), `30260201010221008000${"00".repeat(30)}`);
});

t.test("a raw signature that begins like DER is still raw", async (t) => {
  const raw = Buffer.alloc(64, 7);
  raw.set([0x30, 0x3e, 0x02, 0x20]);
  t.equal(derSignature(raw)?.byteLength, 70);
});

const der = sign("sha256", bytes, privateKey);
const garbage: readonly { what: string; bytes: Uint8Array }[] = [
  { what: "nothing", bytes: Buffer.alloc(0) },
  { what: "text", bytes: Buffer.from("signed!\n") },
  { what: "63 bytes", bytes: Buffer.alloc(63, 1) },
  { what: "the 96 bytes of P-384", bytes: Buffer.alloc(96, 1) },
  { what: "DER with a byte after it", bytes: Buffer.concat([der, Buffer.from("\n")]) },
  { what: "DER that is cut", bytes: der.subarray(0, -1) },
];
for (const { what, bytes: written } of garbage) {
  t.test(`${what} is no signature`, async (t) => t.equal(derSignature(written), undefined));
}
