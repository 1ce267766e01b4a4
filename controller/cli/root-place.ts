/** Where the commands of `ferry root` find roots and drafts, and what they say when a draft has changed. */
import { existsSync } from "node:fs";
import { join } from "node:path";
import type { Command } from "commander";
import pc from "picocolors";
import { EXIT, FerryError } from "../../common/ferry-error.ts";
import { ProtocolError } from "../../protocol/protocol-error.ts";
import type { RoleName, TrustRoot } from "../../protocol/trust/root.ts";
import { controllerPaths, type ControllerPaths } from "../config.ts";
import { ROLE_NAMES } from "../roots/plan-root.ts";
import { draftPath, missingSignatures, type RootDraft } from "../roots/root-draft.ts";
import { readRoots } from "../trust-roots.ts";
import { durationMs } from "./duration.ts";
import { counted } from "./human.ts";
import { print, say } from "./output.ts";

export interface PlaceOptions {
  readonly home?: string;
  readonly draft?: string;
}

/** A rotation a year is what offline keys can bear; a root that is withheld from a device is noticed after it. */
export const ROOT_LIFETIME = "365d";

export interface RootPlace {
  readonly paths: ControllerPaths;
  /** The newest one that this home has published. */
  readonly newest: TrustRoot | undefined;
  readonly draftFile: string;
}

export function withPlace(command: Command): Command {
  return command
    .option("--home <dir>", "the folder that has root/ in it (default: FERRY_HOME, or ~/.modelferry)")
    .option("--draft <file>", "the draft, where it is not in that folder");
}

export async function placeOf({ home, draft }: PlaceOptions): Promise<RootPlace> {
  const paths = controllerPaths(home);
  const newest = existsSync(join(paths.roots, "1.root.json")) ? (await readRoots(paths)).at(-1) : undefined;
  return { paths, newest, draftFile: draft ?? draftPath(paths.roots, (newest?.version ?? 0) + 1) };
}

/** Throws a usage error for a role that does not exist. */
export function roleName(text: string): RoleName {
  const role = ROLE_NAMES.find((name) => name === text);
  if (role !== undefined) return role;
  throw usage(`There is no role ${JSON.stringify(text)}`, `The roles are ${ROLE_NAMES.join(", ")}.`);
}

export function threshold(text: string): number {
  if (/^[1-9][0-9]?$/.test(text)) return Number(text);
  throw usage(
    `${JSON.stringify(text)} is not a number of signatures`,
    "It is 1 or more, and at most the keys of the role.",
  );
}

/** A time from now (`365d`), or a date. */
export function expiry(text: string): Date {
  const isDate = /^[0-9]{4}-[0-9]{2}-[0-9]{2}/.test(text);
  const date = new Date(isDate ? Date.parse(text) : Date.now() + durationMs(text));
  if (Number.isFinite(date.getTime())) return date;
  throw usage(`${JSON.stringify(text)} is not a date`, "Write it like 2030-12-31, or as a time from now: 365d.");
}

export function usage(message: string, hint: string): FerryError {
  return new FerryError("usage", message, { hint, exitCode: EXIT.usage });
}

/** A command's action whose refusals by the protocol reach the person as errors. */
export function rootErrors<Args extends unknown[]>(
  action: (...args: Args) => Promise<void>,
): (...args: Args) => Promise<void> {
  return async (...args) => {
    try {
      await action(...args);
    } catch (thrown) {
      if (!(thrown instanceof ProtocolError)) throw thrown;
      throw new FerryError("root-refused", thrown.message, { exitCode: EXIT.notAllowed, cause: thrown });
    }
  };
}

export function tellDraft(draft: RootDraft, path: string, done: string): void {
  const missing = missingSignatures(draft);
  print(`${pc.green("✔")} ${done}\n  draft  ${path}`);
  say(
    missing > 0
      ? `\nNext: ${counted(missing, "signature")} of the owners, on the machines where their keys are:\n` +
          `  ferry root show --draft ${path}\n  ferry root sign --draft ${path} --key OWNER.key.pem`
      : `\nNext:\n  ferry root publish --draft ${path}`,
  );
}
