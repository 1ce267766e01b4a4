import type { Command } from "commander";
import { EXIT, FerryError } from "../../common/ferry-error.ts";
import type { NewRoot } from "../../protocol/trust/root.ts";
import { requireSound } from "../roots/plan-root.ts";
import { newDraft, writeDraft } from "../roots/root-draft.ts";
import { readPublicKey } from "../signers/open-signer.ts";
import { withExamples } from "./context.ts";
import {
  expiry,
  placeOf,
  ROOT_LIFETIME,
  rootErrors,
  tellDraft,
  threshold,
  withPlace,
  type PlaceOptions,
} from "./root-place.ts";

interface InitOptions extends PlaceOptions {
  readonly owner: readonly string[];
  readonly ownerThreshold: number;
  readonly publisher: readonly string[];
  readonly publisherThreshold: number;
  readonly director: readonly string[];
  readonly expires: Date;
}

export function addRootInit(root: Command): void {
  const command = root
    .command("init")
    .description("begin version 1 with the public keys of each role; it still has to be signed and published")
    .requiredOption("--owner <pem...>", "public keys of the owners, who sign the root")
    .option("--owner-threshold <n>", "how many of them must sign", threshold, 1)
    .requiredOption("--publisher <pem...>", "public keys of the publishers, who sign bundles")
    .option("--publisher-threshold <n>", "how many of them must sign each bundle", threshold, 1)
    .requiredOption("--director <pem...>", "public key of the controller, which signs deployments")
    .option("--expires <when>", "a date, or a time from now", expiry, expiry(ROOT_LIFETIME))
    .action(rootErrors(init));
  withExamples(
    withPlace(command),
    "ferry root init --owner a.pub.pem b.pub.pem c.pub.pem --owner-threshold 2 --publisher p.pub.pem --director d.pub.pem",
  );
}

async function init(options: InitOptions): Promise<void> {
  const { newest, draftFile } = await placeOf(options);
  if (newest !== undefined) {
    throw new FerryError("exists", `This folder holds root version ${newest.version} already; nothing was changed`, {
      hint: "Change it with `ferry root add-key`, `remove-key` or `rotate`, or make another one with --home DIR.",
      exitCode: EXIT.conflict,
    });
  }
  const role = async (files: readonly string[], needed: number) => ({
    keys: await Promise.all(files.map(readPublicKey)),
    threshold: needed,
  });
  const root: NewRoot = {
    version: 1,
    expires: options.expires,
    roles: {
      owner: await role(options.owner, options.ownerThreshold),
      publisher: await role(options.publisher, options.publisherThreshold),
      director: await role(options.director, 1),
    },
  };
  requireSound(root, Date.now());
  const draft = await newDraft(root, undefined);
  await writeDraft(draftFile, draft);
  tellDraft(draft, draftFile, "Root version 1 is begun");
}
