import t from "tap";
import { refusalsAsErrors } from "../../../controller/cli/bundle-errors.ts";
import { ProtocolError } from "../../../protocol/protocol-error.ts";
import { BundleRefused } from "../../../protocol/trust/model-signing.ts";
import type { RefusalCode } from "../../../protocol/trust/refusal.ts";

async function outcomeOf(thrown: Error): Promise<unknown> {
  return refusalsAsErrors(() => Promise.reject(thrown))().catch((error: unknown) => error);
}

t.test("every refusal that a bundle on this machine can meet comes with what to do", async (t) => {
  const codes: RefusalCode[] = [
    "archive-malformed",
    "publisher-signature",
    "bundle-malformed",
    "bundle-file-digest",
    "bundle-unlisted-file",
  ];
  for (const code of codes) {
    t.match(
      await outcomeOf(new BundleRefused(code, "Why it is refused")),
      { name: "FerryError", code, message: "Why it is refused", hint: /./, exitCode: 4 },
      code,
    );
  }
});

t.test("bytes that are not what they should be are bad input; everything else passes as it is", async (t) => {
  const malformed = new ProtocolError("MALFORMED", "public key", "is not a public key in PEM");
  t.match(await outcomeOf(malformed), { name: "FerryError", code: "bad-input", message: malformed.message });
  const other = new TypeError("a mistake");
  t.equal(await outcomeOf(other), other);
});
