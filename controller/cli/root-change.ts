/** The commands that prepare the next root. Each works on the draft where there is one, and on the newest root otherwise. */
import { existsSync } from "node:fs";
import type { Command } from "commander";
import pc from "picocolors";
import { EXIT, FerryError } from "../../common/ferry-error.ts";
import type { PublicKey } from "../../protocol/trust/keys.ts";
import type { NewRoot, Role, RoleName } from "../../protocol/trust/root.ts";
import { prepareNextDirectorKey } from "../roots/director-key.ts";
import { requireSound, successorOf, withExchangedKey, withKey, withoutKey } from "../roots/plan-root.ts";
import { newDraft, readDraft, standingsOf, writeDraft } from "../roots/root-draft.ts";
import { readPublicKey } from "../signers/open-signer.ts";
import { withExamples } from "./context.ts";
import { say } from "./output.ts";
import {
  expiry,
  placeOf,
  roleName,
  ROOT_LIFETIME,
  rootErrors,
  tellDraft,
  threshold,
  usage,
  withPlace,
  type PlaceOptions,
  type RootPlace,
} from "./root-place.ts";

interface ChangeOptions extends PlaceOptions {
  readonly expires: Date;
  readonly threshold?: number;
}

export function addRootAddKey(root: Command): void {
  const command = root
    .command("add-key <role> <pem>")
    .description("prepare a root with one more key in a role")
    .option("--threshold <n>", "how many of the role's keys must sign from then on", threshold)
    .action(
      rootErrors(async (role: string, pem: string, options: ChangeOptions) => {
        const name = roleName(role);
        const key = await readPublicKey(pem);
        await change(options, `A key is added to the ${name} role`, (next) =>
          withKey(next, name, key, options.threshold),
        );
      }),
    );
  withExamples(withChange(command), "ferry root add-key publisher second.pub.pem --threshold 2");
}

export function addRootRemoveKey(root: Command): void {
  const command = root
    .command("remove-key <role> <key>")
    .description("prepare a root without a key, named by its file or the first digits of its fingerprint")
    .option("--threshold <n>", "how many of the role's keys must sign from then on", threshold)
    .action(
      rootErrors(async (role: string, key: string, options: ChangeOptions) => {
        const name = roleName(role);
        await change(options, `A key is removed from the ${name} role`, async (next) =>
          withoutKey(next, name, await keyOf(next.roles[name], name, key), options.threshold),
        );
      }),
    );
  withExamples(withChange(command), "ferry root remove-key owner 4f1c09aa", "ferry root remove-key owner old.pub.pem");
}

interface RotateOptions extends ChangeOptions {
  readonly old?: string;
  readonly new?: string;
}

export function addRootRotate(root: Command): void {
  const command = root
    .command("rotate <role>")
    .description("prepare a root with one key of a role exchanged for another")
    .option(
      "--old <key>",
      "the key that goes: its file, or the first digits of its fingerprint (default: the only one)",
    )
    .option("--new <pem>", "the public key that comes (director: made here, and used once the root is published)")
    .action(rootErrors(rotate));
  withExamples(
    withChange(command),
    "ferry root rotate publisher --new publisher-2.pub.pem",
    "ferry root rotate owner --old 4f1c09aa --new owner-d.pub.pem",
    "ferry root rotate director",
  );
}

async function rotate(role: string, options: RotateOptions): Promise<void> {
  const name = roleName(role);
  if (options.new === undefined && name !== "director") {
    throw usage(
      `Which key comes into the ${name} role?`,
      "Make one with `ferry root new-key FILE`, then give --new FILE.pub.pem.",
    );
  }
  await change(options, `A key of the ${name} role is exchanged`, async (next, { paths }) => {
    const former = await keyOf(next.roles[name], name, options.old);
    const key = options.new === undefined ? await prepareNextDirectorKey(paths) : await readPublicKey(options.new);
    return withExchangedKey(next, name, { former, next: key });
  });
}

export function addRootRenew(root: Command): void {
  const command = root
    .command("renew")
    .description("prepare a root with the same keys and a later expiry")
    .action(rootErrors((options: ChangeOptions) => change(options, "A later expiry is set", (next) => next)));
  withExamples(withChange(command), "ferry root renew", "ferry root renew --expires 2030-12-31");
}

function withChange(command: Command): Command {
  return withPlace(command.option("--expires <when>", "a date, or a time from now", expiry, expiry(ROOT_LIFETIME)));
}

async function change(
  options: ChangeOptions,
  done: string,
  edit: (next: NewRoot, place: RootPlace) => NewRoot | Promise<NewRoot>,
): Promise<void> {
  const place = await placeOf(options);
  const { newest, draftFile } = place;
  const present = existsSync(draftFile) ? await readDraft(draftFile) : undefined;
  const former = present === undefined ? newest : present.former;
  const base =
    present === undefined
      ? newest && successorOf(newest, options.expires)
      : { version: present.next.version, expires: options.expires, roles: present.next.roles };
  if (base === undefined) {
    throw new FerryError("no-root", `${place.paths.roots} holds no root to change`, {
      hint: "Begin one with `ferry root init`, or name the folder of one with --home.",
      exitCode: EXIT.notFound,
    });
  }
  const next = await edit(base, place);
  requireSound(next, Date.now());
  const draft = await newDraft(next, former);
  await writeDraft(draftFile, draft);
  if (present !== undefined && standingsOf(present).some(({ signed }) => signed.length > 0)) {
    say(
      `${pc.yellow("note:")}  the signatures that the draft had were over what it said before; its owners sign it again`,
    );
  }
  tellDraft(draft, draftFile, `${done} in version ${draft.next.version}`);
}

/** A person names a key by as few digits as are unique; fewer than these are a slip. */
const FINGERPRINT_DIGITS_MIN = 6;

async function keyOf({ keys }: Role, name: RoleName, text: string | undefined): Promise<PublicKey> {
  if (text !== undefined && existsSync(text)) return readPublicKey(text);
  const isPrefix = text !== undefined && new RegExp(`^[0-9a-f]{${FINGERPRINT_DIGITS_MIN},64}$`).test(text);
  const found = keys.filter(({ fingerprint }) => text === undefined || (isPrefix && fingerprint.startsWith(text)));
  const [only, ...others] = found;
  if (only !== undefined && others.length === 0) return only;
  const hint = `The ${name} keys: ${keys.map(({ fingerprint }) => fingerprint.slice(0, 16)).join(", ")}.`;
  if (text === undefined)
    throw usage(`The ${name} role has ${keys.length} keys: which one goes? Say it with --old`, hint);
  const why = found.length === 0 ? "names no key" : "names more than one key";
  throw new FerryError("root-no-such-key", `${JSON.stringify(text)} ${why} of the ${name} role`, {
    hint: `${hint} Give a file, or at least ${FINGERPRINT_DIGITS_MIN} digits of one.`,
    exitCode: EXIT.notFound,
  });
}
