/** A root on its way: what its owners sign, one after the other, on whatever machines their keys are. */
import { randomUUID } from "node:crypto";
import { mkdir, open, readFile, rename, rm } from "node:fs/promises";
import { dirname, join } from "node:path";
import { Type } from "typebox";
import { EXIT, FerryError, messageOf, systemCodeOf } from "../../common/ferry-error.ts";
import { closedObject, gate, parseJson } from "../../protocol/schema.ts";
import { decodeBase64, encodeBase64 } from "../../protocol/trust/base64.ts";
import type { PublicKey, Signer } from "../../protocol/trust/keys.ts";
import {
  readUnsignedRoot,
  signersOf,
  signRoot,
  withRootSignature,
  withSignaturesOf,
  type NewRoot,
  type TrustRoot,
} from "../../protocol/trust/root.ts";

export interface RootDraft {
  /** The root before it, which its owners' thresholds sign as well; undefined for version 1. Informs people; proves nothing. */
  readonly former: TrustRoot | undefined;
  /** Every check but the signatures has been made of it. */
  readonly next: TrustRoot;
}

/** The file: the root itself is in it as JSON, so that an owner can read what they sign. */
const DraftFile = closedObject({
  formatVersion: Type.Literal(1),
  former: Type.Union([Type.String(), Type.Null()]),
  root: Type.Unknown(),
});
const check = gate("root draft", DraftFile);

/** Two roots, one of them in base64. */
const DRAFT_BYTES_MAX = 262_144;

export function draftPath(rootsFolder: string, version: number): string {
  return join(rootsFolder, `${version}.draft.json`);
}

/** Without any signature. */
export async function newDraft(root: NewRoot, former: TrustRoot | undefined): Promise<RootDraft> {
  return { former, next: readUnsignedRoot(await signRoot(root, [])) };
}

export async function readDraft(path: string): Promise<RootDraft> {
  try {
    const { former, root } = parseJson("root draft", await readFile(path), DRAFT_BYTES_MAX, check);
    return {
      former: former === null ? undefined : readUnsignedRoot(decodeBase64("former root", former)),
      next: readUnsignedRoot(Buffer.from(textOf(root))),
    };
  } catch (cause) {
    if (systemCodeOf(cause) === "ENOENT") {
      throw new FerryError("no-draft", `There is no draft of a root at ${path}`, {
        hint: "Begin one with `ferry root init`, `add-key`, `remove-key`, `rotate` or `renew`, or name it with --draft.",
        exitCode: EXIT.notFound,
        cause,
      });
    }
    throw new FerryError("bad-draft", `Cannot use the draft ${path}: ${messageOf(cause)}`, {
      hint: "Copy it again from where it was made, or begin it anew.",
      cause,
    });
  }
}

/** Replaces the file at once, also across a power cut. */
export async function writeDraft(path: string, { former, next }: RootDraft): Promise<void> {
  const file: unknown = {
    formatVersion: 1,
    former: former === undefined ? null : encodeBase64(former.bytes),
    root: JSON.parse(Buffer.from(next.bytes).toString()) as unknown,
  };
  await writeWhole(path, textOf(file));
}

/** The draft with this owner's signature. Throws `not-an-owner` where neither the root nor the one before names the key. */
export async function signDraft(draft: RootDraft, owner: Signer): Promise<RootDraft> {
  const owners = [...draft.next.roles.owner.keys, ...(draft.former?.roles.owner.keys ?? [])];
  if (!owners.some(({ fingerprint }) => fingerprint === owner.publicKey.fingerprint)) {
    throw new FerryError(
      "not-an-owner",
      `The key ${owner.publicKey.fingerprint.slice(0, 16)}… is not one of the owners`,
      {
        hint: "`ferry root show` lists them; their signatures alone count for a root.",
        exitCode: EXIT.notAllowed,
      },
    );
  }
  return { ...draft, next: readUnsignedRoot(await withRootSignature(draft.next.bytes, owner)) };
}

/** The draft with the signatures that its copies have gathered elsewhere. Throws `root-drafts-differ`. */
export function mergeDrafts(draft: RootDraft, copy: RootDraft): RootDraft {
  const owners = [...draft.next.roles.owner.keys, ...(draft.former?.roles.owner.keys ?? [])];
  try {
    return { ...draft, next: readUnsignedRoot(withSignaturesOf(draft.next.bytes, copy.next.bytes, owners)) };
  } catch (cause) {
    throw new FerryError("root-drafts-differ", `The copies of the draft cannot be merged: ${messageOf(cause)}`, {
      hint: "One of them was changed after it was copied: `ferry root show --draft FILE` shows each. The owners sign one of them.",
      exitCode: EXIT.conflict,
      cause,
    });
  }
}

/** How far the signatures have come, by the owners of one version. */
export interface Standing {
  readonly version: number;
  readonly threshold: number;
  readonly signed: readonly PublicKey[];
  readonly unsigned: readonly PublicKey[];
}

/** The former version's owners first: both thresholds must be met. */
export function standingsOf({ former, next }: RootDraft): readonly Standing[] {
  return [...(former === undefined ? [] : [former]), next].map(({ version, roles: { owner } }) => {
    const signed = signersOf(next.bytes, owner.keys);
    const unsigned = owner.keys.filter((key) => !signed.includes(key));
    return { version, threshold: owner.threshold, signed, unsigned };
  });
}

/** The fewest owners who must still sign; one who is an owner of both versions counts for both. */
export function missingSignatures(draft: RootDraft): number {
  const needs = standingsOf(draft).map(({ threshold, signed }) => Math.max(0, threshold - signed.length));
  const [former, next] = standingsOf(draft).map(({ unsigned }) => unsigned.map(({ fingerprint }) => fingerprint));
  const ofBoth = (former ?? []).filter((key) => next?.includes(key) === true).length;
  const sum = needs.reduce((total, need) => total + need, 0);
  return needs.length < 2 ? sum : sum - Math.min(...needs, ofBoth);
}

/** As `signRoot` writes roots, so that what is published has the bytes that the last owner saw. */
function textOf(value: unknown): string {
  return `${JSON.stringify(value, undefined, 1)}\n`;
}

/** Whole or not at all; its name is on disk when this returns. */
export async function writeWhole(path: string, content: string | Uint8Array): Promise<void> {
  await mkdir(dirname(path), { recursive: true });
  const temporary = `${path}.${randomUUID()}.tmp`;
  try {
    await using file = await open(temporary, "wx", 0o644);
    await file.writeFile(content);
    await file.sync();
    await rename(temporary, path);
  } catch (thrown) {
    await rm(temporary, { force: true });
    throw thrown;
  }
  await using folder = await open(dirname(path), "r");
  await folder.sync();
}
