/**
 * Which certificates serve no more, in a file beside the CA: a lost database must not bring anybody back. By serial, which
 * is what other brokers read; and by name, for everything that was issued until then, whether its serial is known or not.
 */
import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { Type, type Static } from "typebox";
import { FerryError, messageOf } from "../../common/ferry-error.ts";
import { createRevocationList, type Issuer, type Revocation } from "../../common/x509.ts";
import { closedObject, gate, parseJson } from "../../protocol/schema.ts";
import type { AuthorityPaths } from "../config.ts";
import { replaceFile } from "./replace-file.ts";

/** What a certificate says that decides whether it was taken away. */
export interface IssuedTo {
  readonly name: string;
  readonly serial: string;
  /** To the second, as certificates are. */
  readonly issuedMs: number;
}

export interface Revocations {
  readonly covers: (certificate: IssuedTo) => boolean;
  /** Whatever was issued to this name up to and in this second is covered; -Infinity where there is no such instant. */
  readonly untilMs: (name: string) => number;
  /** On disk when it resolves. */
  readonly add: (name: string, serials: readonly string[], nowMs: number) => Promise<void>;
}

/** A fleet of 100,000 that revoked all of them ten times over, at about 60 bytes each. */
const FILE_BYTES_MAX = 64 * 1024 ** 2;

const RevocationFile = closedObject({
  revoked: Type.Array(closedObject({ serial: Type.String({ pattern: "^[0-9a-f]{1,40}$" }), atMs: Type.Number() })),
  /** Whatever was issued to `name` up to `untilMs`. */
  names: Type.Optional(
    Type.Array(closedObject({ name: Type.String({ minLength: 1, maxLength: 64 }), untilMs: Type.Number() })),
  ),
});
const check = gate("revoked.json", RevocationFile);

/** Throws FerryError `ca-unusable`. */
export async function openRevocations(paths: AuthorityPaths, issuer: Issuer): Promise<Revocations> {
  const { revoked, names = [] } = await read(paths);
  const serials = new Map(revoked.map(({ serial, atMs }) => [serial, atMs]));
  const untilMs = new Map(names.map((entry) => [entry.name, entry.untilMs]));
  let writing = Promise.resolve();

  async function write(nowMs: number): Promise<void> {
    const revocations = [...serials].map(([serial, atMs]): Revocation => ({ serial, atMs }));
    const file: Static<typeof RevocationFile> = {
      revoked: revocations,
      names: [...untilMs].map(([name, until]) => ({ name, untilMs: until })),
    };
    await replaceFile(paths.revocations, `${JSON.stringify(file)}\n`);
    await replaceFile(paths.revocationList, await createRevocationList(issuer, revocations, nowMs));
  }

  return {
    covers: ({ name, serial, issuedMs }) =>
      serials.has(serial) || wholeSecond(issuedMs) <= (untilMs.get(name) ?? -Infinity),
    untilMs: (name) => untilMs.get(name) ?? -Infinity,
    add: async (name, added, nowMs) => {
      // In memory first: what the disk is waited for must not let anyone in.
      for (const serial of added) if (!serials.has(serial)) serials.set(serial, nowMs);
      untilMs.set(name, Math.max(wholeSecond(nowMs), untilMs.get(name) ?? 0));
      writing = writing.catch(() => undefined).then(() => write(nowMs));
      await writing;
    },
  };
}

function wholeSecond(ms: number): number {
  return Math.floor(ms / 1_000) * 1_000;
}

async function read(paths: AuthorityPaths): Promise<Static<typeof RevocationFile>> {
  if (!existsSync(paths.revocations)) return { revoked: [] };
  try {
    return parseJson("revoked.json", await readFile(paths.revocations), FILE_BYTES_MAX, check);
  } catch (cause) {
    // Going on without it would let revoked devices in.
    throw new FerryError("ca-unusable", `Cannot read which certificates are revoked: ${messageOf(cause)}`, {
      hint: `Restore ${paths.revocations} from a backup.`,
      cause,
    });
  }
}
