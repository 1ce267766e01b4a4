/** With the director's key any archive can be deployed: what is in it is the publishers' word alone. */
import { BUNDLE_FILES_MAX, SIGNATURES_MAX } from "../../../../protocol/limits.ts";
import { archiveOf, digitsFiles, signedBundle, type Files } from "../../../support/forged-bundle.ts";
import { tarOf } from "../../../support/bundles.ts";
import type { AttackCase } from "../attack.ts";
import { flipped, required, tampered, type Attacker } from "../attacker.ts";

const bundle = (one: Omit<AttackCase, "power">): AttackCase => ({ power: "controller", ...one });

type Entry = Parameters<typeof tarOf>[number];

/** A signed bundle's archive with one more entry at its end. */
const withEntry = (attack: string, entry: Entry): AttackCase =>
  bundle({
    attack,
    outcome: "archive-malformed",
    attempt: async (attacker) => {
      const next = attacker.bundle("next");
      const entries = [...next.files].map(([name, content]) => ({ name, content }));
      const archive = await attacker.serve(await tarOf(...entries, entry));
      await attacker.deployBundle(next, { archive });
    },
  });

const deployTampered = (attacker: Attacker, changes: Parameters<typeof tampered>[1]) =>
  attacker.deployBundle(tampered(attacker.bundle("next"), changes));

export const BUNDLE_ATTACKS: readonly AttackCase[] = [
  bundle({
    attack: "a model that no publisher signed",
    outcome: "publisher-signature",
    attempt: async (attacker) => {
      await attacker.deployBundle(await signedBundle(digitsFiles("1.1.0"), [attacker.stranger]));
    },
  }),
  bundle({
    attack: "a signed file with one bit changed",
    outcome: "bundle-file-digest",
    attempt: (attacker) => deployTampered(attacker, { "model.onnx": flipped(attacker.bundle("next"), "model.onnx") }),
  }),
  bundle({
    attack: "a file that was not signed",
    outcome: "bundle-unlisted-file",
    attempt: (attacker) => deployTampered(attacker, { "extra.bin": Buffer.from("more") }),
  }),
  bundle({
    attack: "a signed file left out",
    outcome: "bundle-file-digest",
    attempt: (attacker) => deployTampered(attacker, { "labels.txt": undefined }),
  }),
  bundle({
    attack: "two signed files under each other's names: the same subject digest",
    outcome: "publisher-signature",
    attempt: async (attacker) => {
      const twins = attacker.bundle("twins");
      await attacker.deployBundle({ ...twins, files: withSwappedNames(twins.files, "a.bin", "b.bin") });
    },
  }),
  bundle({
    attack: "two signed files, swapped in the archive",
    outcome: "bundle-file-digest",
    attempt: async (attacker) => {
      const twins = attacker.bundle("twins");
      const [a, b] = [twins.files.get("a.bin"), twins.files.get("b.bin")];
      await attacker.deployBundle(tampered(twins, { "a.bin": b, "b.bin": a }));
    },
  }),
  bundle({
    attack: "more signature files than are looked at",
    outcome: "bundle-malformed",
    attempt: async (attacker) => {
      const next = attacker.bundle("next");
      const [signature] = [...next.files].filter(([name]) => name.startsWith(".oms/")).map(([, bytes]) => bytes);
      const more = Array.from(
        { length: SIGNATURES_MAX + 1 },
        (_, at) => [`.oms/${String(at)}.sig`, signature] as const,
      );
      await deployTampered(attacker, Object.fromEntries(more));
    },
  }),
  bundle({
    attack: "an archive of ten thousand files too many",
    outcome: "archive-malformed",
    attempt: async (attacker) => {
      const next = attacker.bundle("next");
      const many = Array.from(
        { length: BUNDLE_FILES_MAX + SIGNATURES_MAX + 2 },
        (_, at) => [`f${String(at)}`, NOTHING] as const,
      );
      await attacker.deployBundle({ ...next, files: new Map(many) });
    },
  }),
  bundle({
    attack: "an archive cut short",
    outcome: "archive-malformed",
    attempt: async (attacker) => {
      const next = attacker.bundle("next");
      const whole = await archiveOf(next.files);
      await attacker.deployBundle(next, { archive: await attacker.serve(whole.subarray(0, 10_000)) });
    },
  }),
  withEntry("a symbolic link in an archive", { name: "link", type: "symlink", linkname: "/etc/passwd" }),
  withEntry("a hard link in an archive", { name: "link", type: "link", linkname: "../../device.key.pem" }),
  withEntry("a file name with `..`", { name: "../../state.db", content: "gone" }),
  withEntry("an absolute file name", { name: "/tmp/modelferry-attack", content: "gone" }),
  withEntry("one file name twice", { name: "model.onnx", content: "another" }),
  withEntry("two file names that differ in case alone", { name: "MODEL.onnx", content: "another" }),
];

const NOTHING = new Uint8Array();

/** The statement with two names exchanged, which its subject digest does not show; the signature stays as it was. */
function withSwappedNames(files: Files, one: string, other: string): Files {
  const swapped = new Map([...files].filter(([name]) => !name.startsWith(".oms/")));
  swapped.set(one, required(other, files.get(other)));
  swapped.set(other, required(one, files.get(one)));
  for (const [name, bytes] of [...files].filter(([path]) => path.startsWith(".oms/"))) {
    const file = JSON.parse(Buffer.from(bytes).toString()) as { dsseEnvelope: { payload: string } };
    const statement = Buffer.from(file.dsseEnvelope.payload, "base64").toString();
    const renamed = statement.replace(`"${one}"`, '"?"').replace(`"${other}"`, `"${one}"`).replace('"?"', `"${other}"`);
    file.dsseEnvelope.payload = Buffer.from(renamed).toString("base64");
    swapped.set(name, Buffer.from(JSON.stringify(file)));
  }
  return swapped;
}
