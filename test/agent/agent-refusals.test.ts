/** What an agent, as a process, does with bundles that are not what they should be. */
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import t from "tap";
import { bundle, deployed, openBench, owners, type Bundle } from "../support/agent-bench.ts";
import { newSigner } from "../support/keys.ts";

t.test("what is not what it should be is refused by name, while the old model goes on answering", async (t) => {
  await using bench = await openBench(t);
  const { director, start, slot, version } = bench;
  start();
  await director.deploy([deployed(director, await bundle(t, "1.0.0"))]);
  await slot("1.0.0 is committed", ({ phase }) => phase === "committed");
  const good = await bundle(t, "1.1.0");
  const wrongAnswers = (directory: string) => {
    const path = join(directory, "golden.json");
    const golden = JSON.parse(readFileSync(path, "utf8")) as { cases: { outputs: { values: number[] }[] }[] };
    golden.cases[0]?.outputs[0]?.values.splice(0, 1, -1);
    writeFileSync(path, JSON.stringify(golden));
  };
  const refused: readonly { readonly what: string; readonly code: string; readonly bundle: Bundle }[] = [
    {
      what: "a flipped byte",
      code: "bundle-file-digest",
      bundle: { ...good, archive: withFlippedByte(good.archive, "model.onnx") },
    },
    { what: "a stranger's signature", code: "publisher-signature", bundle: await bundle(t, "1.1.0", newSigner()) },
    {
      what: "a golden set that it does not reproduce",
      code: "self-test",
      bundle: await bundle(t, "1.1.0", owners.publisher, wrongAnswers),
    },
    {
      what: "another model under this statement",
      code: "bundle-wrong-model",
      bundle: { slot: { ...good.slot, statement: "1".repeat(64) as never }, archive: good.archive },
    },
    {
      what: "an archive that is none",
      code: "archive-malformed",
      bundle: { ...good, archive: Buffer.alloc(2_000, "no tar") },
    },
  ];
  for (const { what, code, bundle } of refused) {
    await director.deploy([deployed(director, bundle)]);
    const failed = await slot(
      `${what} is refused`,
      ({ phase, refusal }) => phase === "failed" && refusal?.code === code,
    );
    t.match(failed, { refusal: { message: /./ }, active: { version: "1.0.0" } }, what);
    t.equal(await version(), "1.0.0", `${what}: the old one answers`);
  }
  await director.deploy([deployed(director, good)]);
  await slot("the sound one is taken", ({ active }) => active?.version === "1.1.0");
});

/** The archive with one bit of one file's content changed; its headers stay sound, so only the digests can tell. */
function withFlippedByte(archive: Uint8Array, file: string): Uint8Array {
  const flipped = Buffer.from(archive);
  const header = Array.from({ length: flipped.length / 512 }, (_, block) => block * 512).find(
    (at) => flipped.toString("latin1", at, at + file.length + 1) === `${file}\0`,
  );
  if (header === undefined) throw new Error(`the archive has no file ${file}`);
  flipped.writeUInt8(flipped.readUInt8(header + 512) ^ 1, header + 512);
  return flipped;
}
