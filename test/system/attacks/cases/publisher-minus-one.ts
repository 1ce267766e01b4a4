/** Two publishers must sign; the attacker has the director's key and one of theirs. */
import type { AttackCase } from "../attack.ts";
import { digitsFiles, signedBundle, type ForgedBundle } from "../../../support/forged-bundle.ts";
import { required, tampered } from "../attacker.ts";
import { malleated } from "../malleate.ts";

const publisher = (one: Omit<AttackCase, "power" | "outcome">): AttackCase => ({
  power: "publisher-minus-one",
  outcome: "publisher-signature",
  ...one,
});

export const PUBLISHER_ATTACKS: readonly AttackCase[] = [
  publisher({
    attack: "a model that one publisher of two signed",
    attempt: async (attacker) => {
      await attacker.deployBundle(await signedBundle(digitsFiles("1.1.0"), [attacker.publisher]));
    },
  }),
  publisher({
    attack: "one publisher's signature twice, once malleated",
    attempt: async (attacker) => {
      const once = await signedBundle(digitsFiles("1.1.0"), [attacker.publisher]);
      await attacker.deployBundle(tampered(once, { ".oms/second.sig": malleatedFile(signatureOf(once)) }));
    },
  }),
  publisher({
    attack: "a second publisher's signature from another bundle",
    attempt: async (attacker) => {
      const once = await signedBundle(digitsFiles("1.1.0"), [attacker.publisher]);
      const own = `.oms/${attacker.publisher.publicKey.hint}.sig`;
      const [other] = [...attacker.bundle("next").files].filter(([name]) => name.startsWith(".oms/") && name !== own);
      await attacker.deployBundle(tampered(once, { ".oms/second.sig": required("a signature", other)[1] }));
    },
  }),
];

function signatureOf({ files }: ForgedBundle): Uint8Array {
  const [signature] = [...files].filter(([name]) => name.startsWith(".oms/"));
  return required("a signature", signature)[1];
}

function malleatedFile(bytes: Uint8Array): Uint8Array {
  const file = JSON.parse(Buffer.from(bytes).toString()) as { dsseEnvelope: { signatures: { sig: string }[] } };
  for (const signature of file.dsseEnvelope.signatures) signature.sig = malleated(signature.sig);
  return Buffer.from(JSON.stringify(file));
}
