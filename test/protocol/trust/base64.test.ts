import t from "tap";
import { decodeBase64, encodeBase64 } from "../../../protocol/trust/base64.ts";

t.test("bytes come back as they were, views into larger buffers too", async (t) => {
  const view = Uint8Array.from([9, 1, 2, 3, 9]).subarray(1, 4);
  t.same([...decodeBase64("x", encodeBase64(view))], [1, 2, 3]);
  t.equal(decodeBase64("x", "").byteLength, 0);
});

for (const text of ["AAA", "AA=A", "AAAA=", "A A=", "AAA-", "AA\n==", "====", "AAAA\n", "AAB="]) {
  t.test(`${JSON.stringify(text)} is refused, although Buffer.from would take it`, async (t) => {
    t.throws(() => decodeBase64("signature", text), { code: "MALFORMED", message: /signature/ });
  });
}
