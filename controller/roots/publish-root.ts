/** Puts a root that its owners have signed where the controller finds it. */
import { existsSync } from "node:fs";
import { rm } from "node:fs/promises";
import { join } from "node:path";
import { EXIT, FerryError, messageOf } from "../../common/ferry-error.ts";
import { acceptFirstRoot, acceptNextRoot, type TrustRoot } from "../../protocol/trust/root.ts";
import type { ControllerPaths } from "../config.ts";
import { adoptNextDirectorKey } from "./director-key.ts";
import { standingsOf, writeWhole, type RootDraft } from "./root-draft.ts";

/**
 * Checks the root as a device would, against the newest one of this home rather than against the draft's word for it.
 * The controller that runs on this home takes it over by itself.
 */
export async function publishRoot(
  {
    paths,
    newest,
    nowMs,
  }: { readonly paths: ControllerPaths; readonly newest: TrustRoot | undefined; readonly nowMs: number },
  draft: RootDraft,
): Promise<TrustRoot> {
  const root = accepted(newest, draft);
  if (root.expiresMs <= nowMs) {
    throw new FerryError("root-expired", `The root expired at ${new Date(root.expiresMs).toISOString()}`, {
      hint: "Begin it anew with a time to come: ferry root renew --expires 365d.",
    });
  }
  const path = join(paths.roots, `${root.version}.root.json`);
  if (existsSync(path)) {
    throw new FerryError("exists", `${path} is there already; nothing was changed`, {
      hint: "A published root is never replaced: devices may have it. Begin the next version.",
      exitCode: EXIT.conflict,
    });
  }
  await writeWhole(path, root.bytes);
  await adoptNextDirectorKey(paths, root);
  return root;
}

/** A draft that has done its work; the version that it became is what counts. */
export async function retireDraft(path: string): Promise<void> {
  await rm(path, { force: true });
}

function accepted(newest: TrustRoot | undefined, draft: RootDraft): TrustRoot {
  const { next } = draft;
  try {
    if (newest !== undefined) return acceptNextRoot(newest, next.bytes);
    if (next.version !== 1) throw new Error(`it is version ${next.version}, and the folder holds none before it`);
    return acceptFirstRoot(next.bytes, next.digest);
  } catch (cause) {
    const open = standingsOf({ former: newest, next }).filter(({ threshold, signed }) => signed.length < threshold);
    const missing = open.map(
      ({ version, threshold, signed }) => `${signed.length} of ${threshold} owners of version ${version} have signed`,
    );
    const isBehind = newest !== undefined && next.version <= newest.version;
    throw new FerryError(
      "root-refused",
      `A device would refuse this root: ${missing.length === 0 || isBehind ? messageOf(cause) : missing.join("; ")}`,
      {
        hint: isBehind
          ? "Another root was published meanwhile: begin this one anew."
          : "Let the missing owners sign: ferry root sign --key OWNER.key.pem. `ferry root show` names them.",
        exitCode: EXIT.notAllowed,
        cause,
      },
    );
  }
}
