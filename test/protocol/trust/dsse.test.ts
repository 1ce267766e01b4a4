import t from "tap";
import {
  countSigningKeys,
  openEnvelope,
  parseEnvelope,
  preAuthenticationEncoding,
  signEnvelope,
} from "../../../protocol/trust/dsse.ts";
import { newSigner } from "../../support/keys.ts";

const payload = Buffer.from("hello world");

t.test("the signed bytes are those of the DSSE specification's example", async (t) => {
  // secure-systems-lab/dsse, protocol.md: PAE("http://example.com/HelloWorld", "hello world")
  const expected = "DSSEv1 29 http://example.com/HelloWorld 11 hello world";
  t.equal(preAuthenticationEncoding("http://example.com/HelloWorld", payload).toString(), expected);
});

t.test("distinct keys are counted, not signatures", async (t) => {
  const [first, second, stranger] = [newSigner(), newSigner(), newSigner()];
  const envelope = openEnvelope(await signEnvelope("type", payload, [first, first, stranger]));
  t.equal(countSigningKeys(envelope, [first.publicKey, second.publicKey]), 1);
  t.equal(countSigningKeys(envelope, [first.publicKey, first.publicKey]), 1, "a key listed twice counts once");
});

t.test("a signature does not hold under another payload type", async (t) => {
  const signer = newSigner();
  const envelope = await signEnvelope("application/one", payload, [signer]);
  t.equal(countSigningKeys(openEnvelope({ ...envelope, payloadType: "application/two" }), [signer.publicKey]), 0);
});

const malformed: readonly { readonly when: string; readonly change: object; readonly code: string }[] = [
  {
    when: "the payload is loose base64, which Buffer.from would take",
    change: { payload: "aGVsbG8*gd29ybGQ=" },
    code: "MALFORMED",
  },
  { when: "a signature has line breaks", change: { signatures: [{ sig: "AAAA\nAAAA" }] }, code: "MALFORMED" },
  { when: "there is no signature", change: { signatures: [] }, code: "SCHEMA" },
  {
    when: "there are more signatures than anyone needs",
    change: { signatures: Array.from({ length: 17 }, () => ({ sig: "AAAA" })) },
    code: "SCHEMA",
  },
  { when: "the payload type is missing", change: { payloadType: undefined }, code: "SCHEMA" },
];

for (const { when, change, code } of malformed) {
  t.test(`an envelope is refused when ${when}`, async (t) => {
    const envelope = { ...(await signEnvelope("type", payload, [newSigner()])), ...change };
    t.throws(() => parseEnvelope(Buffer.from(JSON.stringify(envelope))), { code });
  });
}

t.test("key ids may be empty, null or absent, as other tools write them", async (t) => {
  const signer = newSigner();
  const envelope = await signEnvelope("type", payload, [signer]);
  const [signature] = envelope.signatures;
  for (const keyid of ["", null, undefined]) {
    const bytes = Buffer.from(JSON.stringify({ ...envelope, signatures: [{ ...signature, keyid }] }));
    t.equal(countSigningKeys(parseEnvelope(bytes), [signer.publicKey]), 1);
  }
});
