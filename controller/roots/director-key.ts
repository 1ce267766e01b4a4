/** Which key this controller signs deployments with, and how it comes to another one. */
import { existsSync } from "node:fs";
import { rename } from "node:fs/promises";
import { dirname, join } from "node:path";
import { FerryError } from "../../common/ferry-error.ts";
import { createKeyFile, readKeyFile } from "../../common/key-file.ts";
import { publicKeyFrom, type PublicKey, type Signer } from "../../protocol/trust/keys.ts";
import type { TrustRoot } from "../../protocol/trust/root.ts";
import type { ControllerConfig, ControllerPaths } from "../config.ts";
import { openSigner, type SignerSource } from "../signers/open-signer.ts";

/** Made by `ferry root rotate director`; used from the root on that names it. */
export function nextDirectorKeyPath({ directorKey }: ControllerPaths): string {
  return join(dirname(directorKey), "director.next.key.pem");
}

/** A key for the root to come; the one of an unfinished rotation is used again. */
export async function prepareNextDirectorKey(paths: ControllerPaths): Promise<PublicKey> {
  const path = nextDirectorKeyPath(paths);
  return publicKeyFrom(existsSync(path) ? await readKeyFile(path) : await createKeyFile(path));
}

/** The signer that the settings name, or the key that waits for this root. Throws `wrong-director-key` where neither fits. */
export async function openDirectorSigner(
  { paths, director }: { readonly paths: ControllerPaths; readonly director: ControllerConfig["director"] },
  root: TrustRoot,
): Promise<Signer> {
  const sources: SignerSource[] =
    director === undefined
      ? [paths.directorKey, nextDirectorKeyPath(paths)].map((path) => ({ kind: "file", path }))
      : [{ kind: "command", command: director.signerCommand, publicKeyFile: director.publicKey }];
  let missing: Error | undefined;
  for (const source of sources) {
    if (source.kind === "file" && !existsSync(source.path) && source.path !== paths.directorKey) continue;
    try {
      const signer = await openSigner(source, "deployment");
      if (namesDirector(root, signer.publicKey)) return signer;
    } catch (thrown) {
      if (!(thrown instanceof Error)) throw thrown;
      missing ??= thrown;
    }
  }
  if (missing !== undefined) throw missing;
  const where = director === undefined ? paths.directorKey : `the director's signer command (${director.publicKey})`;
  throw new FerryError(
    "wrong-director-key",
    `Root version ${root.version} does not name the director key in ${where}`,
    {
      hint:
        "Put back the key that belongs to this fleet, or have the owners name a key of this controller: " +
        "ferry root rotate director, ferry root sign, ferry root publish. Devices would refuse every deployment otherwise.",
    },
  );
}

/** After a root that names the waiting key and not the present one: the former key is kept beside it, out of use. */
export async function adoptNextDirectorKey(paths: ControllerPaths, root: TrustRoot): Promise<void> {
  const next = nextDirectorKeyPath(paths);
  if (!existsSync(next) || !namesDirector(root, publicKeyFrom(await readKeyFile(next)))) return;
  // Between these two a power cut leaves only the waiting key, which `openDirectorSigner` finds.
  if (existsSync(paths.directorKey)) {
    await rename(paths.directorKey, join(dirname(next), `director.before-root-${root.version}.key.pem`));
  }
  await rename(next, paths.directorKey);
}

export function namesDirector({ roles }: TrustRoot, key: PublicKey): boolean {
  return roles.director.keys.some(({ fingerprint }) => fingerprint === key.fingerprint);
}
