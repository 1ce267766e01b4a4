/** Makes the keys, the root of trust and the settings of a fleet, once. */
import { existsSync } from "node:fs";
import { mkdir, open } from "node:fs/promises";
import { dirname, join } from "node:path";
import { createKeyFile } from "../common/key-file.ts";
import { EXIT, FerryError } from "../common/ferry-error.ts";
import type { FleetId, Sha256 } from "../protocol/ids.ts";
import { sha256 } from "../protocol/trust/digest.ts";
import { keySigner } from "../protocol/trust/keys.ts";
import { acceptFirstRoot, signRoot, type TrustRoot } from "../protocol/trust/root.ts";
import { createAuthorityFiles } from "./enrol/authority.ts";
import { writeLocalToken } from "./operators/local-operator.ts";
import { openDirectorSigner } from "./roots/director-key.ts";
import { newestOf, readRoots } from "./trust-roots.ts";
import { ENROL_PORT, HTTP_PORT, MQTT_PORT, type ControllerConfig, type ControllerPaths } from "./config.ts";

/** A root that is withheld from a device is noticed after this; rotating once a year is what offline keys can bear. */
const ROOT_LIFETIME_MS = 365 * 24 * 3_600_000;

export interface NewHome {
  readonly config: ControllerConfig;
  /** SHA-256 of root version 1: every device is given it by another way than the controller. */
  readonly rootPin: Sha256;
  readonly rootExpires: Date;
  /** The owners made it elsewhere; no key of theirs is in this folder. */
  readonly isOwnersRoot: boolean;
}

export interface HomeOptions {
  readonly fleet: FleetId;
  readonly nowMs: number;
}

/** Never overwrites: throws `exists` where any of it is there. The settings come last: where they are, all is. */
export async function createHome(paths: ControllerPaths, { fleet, nowMs }: HomeOptions): Promise<NewHome> {
  const rootFile = join(paths.roots, "1.root.json");
  // `ferry root publish` has put it there, or an `init` was cut off: only what is on this machine alone is missing.
  const isSigned = existsSync(rootFile) && !existsSync(paths.config);
  for (const path of [
    paths.config,
    paths.ownerKey,
    paths.publisherKey,
    paths.directorKey,
    paths.operatorToken,
    rootFile,
    paths.authority.certificate,
  ]) {
    if (existsSync(path) && !isSigned) throw alreadyThere(paths, path);
  }
  const root = isSigned ? await ownersRoot(paths) : await createRoot(paths, rootFile, nowMs);
  if (!existsSync(paths.authority.certificate)) await createAuthorityFiles(paths.authority, fleet, nowMs);
  writeLocalToken(paths.operatorToken);
  const config: ControllerConfig = {
    formatVersion: 1,
    fleet,
    mqtt: { host: "127.0.0.1", port: MQTT_PORT },
    enrol: { port: ENROL_PORT },
    http: { port: HTTP_PORT },
  };
  await writeNew(paths.config, `${JSON.stringify(config, undefined, 2)}\n`);
  return { config, rootPin: root.digest, rootExpires: new Date(root.expiresMs), isOwnersRoot: isSigned };
}

/** The root that the owners have made elsewhere, where it names the director's key of this folder. */
async function ownersRoot(paths: ControllerPaths): Promise<TrustRoot> {
  const { first, newest } = newestOf(await readRoots(paths));
  await openDirectorSigner({ paths, director: undefined }, newest);
  return first;
}

/** One key for each role: what an owner can begin with, and exchange later. */
async function createRoot(paths: ControllerPaths, rootFile: string, nowMs: number): Promise<TrustRoot> {
  const owner = keySigner(await createKeyFile(paths.ownerKey));
  const publisher = keySigner(await createKeyFile(paths.publisherKey));
  const director = keySigner(await createKeyFile(paths.directorKey));
  const rootExpires = new Date(nowMs + ROOT_LIFETIME_MS);
  const root = await signRoot(
    {
      version: 1,
      expires: rootExpires,
      roles: {
        owner: { keys: [owner.publicKey], threshold: 1 },
        publisher: { keys: [publisher.publicKey], threshold: 1 },
        director: { keys: [director.publicKey], threshold: 1 },
      },
    },
    [owner],
  );
  // What devices will check, checked here before anyone relies on it.
  const accepted = acceptFirstRoot(root, sha256(root));
  await writeNew(rootFile, root);
  return accepted;
}

async function writeNew(path: string, content: Uint8Array | string): Promise<void> {
  await mkdir(dirname(path), { recursive: true });
  await using file = await open(path, "wx", 0o644);
  await file.writeFile(content);
  await file.sync();
}

function alreadyThere(paths: ControllerPaths, path: string): FerryError {
  const isWhole = existsSync(paths.config);
  return new FerryError(
    "exists",
    isWhole
      ? `${paths.home} holds a controller already; nothing was changed`
      : `${path} is there, but no controller.json: an earlier \`ferry init\` did not end; nothing was changed`,
    {
      hint: isWhole
        ? "Start it with `ferry up`, or make another one: `ferry init --home DIR`."
        : "If no device has joined that fleet, move the folder away and run `ferry init` again.",
      exitCode: EXIT.conflict,
    },
  );
}
