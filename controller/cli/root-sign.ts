/** The owners' signatures, gathered one after the other or side by side, and the end of a draft. */
import type { Command } from "commander";
import pc from "picocolors";
import { publishRoot, retireDraft } from "../roots/publish-root.ts";
import { mergeDrafts, readDraft, signDraft, standingsOf, writeDraft } from "../roots/root-draft.ts";
import { openSigner } from "../signers/open-signer.ts";
import { withExamples } from "./context.ts";
import { counted } from "./human.ts";
import { print, say } from "./output.ts";
import { placeOf, rootErrors, tellDraft, withPlace, type PlaceOptions } from "./root-place.ts";
import { signerSource, withSigner, type SignerOptions } from "./signer-options.ts";

export function addRootSign(root: Command): void {
  const command = root.command("sign").description("add one owner's signature to the draft").action(rootErrors(sign));
  withExamples(
    withSigner(withPlace(command), "offline/owner.key.pem in the home folder"),
    "ferry root sign --draft 2.draft.json --key owner-a.key.pem",
    "ferry root sign --draft 2.draft.json --signer-cmd ./sign-with-hsm --public-key owner-b.pub.pem",
  );
}

async function sign(options: PlaceOptions & SignerOptions): Promise<void> {
  const { paths, draftFile } = await placeOf(options);
  const draft = await readDraft(draftFile);
  const owner = await openSigner(signerSource(options, paths.ownerKey), "root");
  const signed = await signDraft(draft, owner);
  await writeDraft(draftFile, signed);
  const { fingerprint } = owner.publicKey;
  tellDraft(signed, draftFile, `Root version ${signed.next.version} is signed by ${fingerprint.slice(0, 16)}…`);
}

export function addRootMerge(root: Command): void {
  const command = root
    .command("merge <copies...>")
    .description("add to the draft the signatures that copies of it have gathered on other machines")
    .action(rootErrors(merge));
  withExamples(
    withPlace(command),
    "ferry root merge from-a/2.draft.json from-b/2.draft.json",
    "ferry root merge --draft 2.draft.json from-b.draft.json",
  );
}

async function merge(copies: readonly string[], options: PlaceOptions): Promise<void> {
  const { draftFile } = await placeOf(options);
  let draft = await readDraft(draftFile);
  for (const path of copies) draft = mergeDrafts(draft, await readDraft(path));
  await writeDraft(draftFile, draft);
  const signed = new Set(
    standingsOf(draft).flatMap((standing) => standing.signed.map(({ fingerprint }) => fingerprint)),
  );
  tellDraft(draft, draftFile, `Root version ${draft.next.version} has ${counted(signed.size, "signature")}`);
}

export function addRootPublish(root: Command): void {
  const command = root
    .command("publish")
    .description("check the draft as a device would, and give it to the controller of this folder")
    .action(rootErrors(publish));
  withExamples(withPlace(command), "ferry root publish", "ferry root publish --draft usb/2.draft.json");
}

async function publish(options: PlaceOptions): Promise<void> {
  const { paths, newest, draftFile } = await placeOf(options);
  const { version, digest } = await publishRoot({ paths, newest, nowMs: Date.now() }, await readDraft(draftFile));
  await retireDraft(draftFile);
  print(`${pc.green("✔")} Root version ${version} is in ${paths.roots}`);
  say(
    version === 1
      ? `\nNext: make the controller of it, and give devices the root pin\n  ${digest}\n  ferry init --home ${paths.home}`
      : "\nA running controller takes it over within seconds, and sends it to every device: see `ferry status` and `ferry events`.",
  );
}
