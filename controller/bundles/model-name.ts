import { EXIT, FerryError } from "../../common/ferry-error.ts";
import { ModelName, ModelVersion } from "../../protocol/ids.ts";
import { ProtocolError } from "../../protocol/protocol-error.ts";
import { gate } from "../../protocol/schema.ts";

const checkName = gate("model name", ModelName);
const checkVersion = gate("model version", ModelVersion);

/** Throws FerryError `bad-name` with a name close to it that is allowed. */
export function modelNameFrom(text: string): ModelName {
  return allowed(checkName, text, {
    what: `The model name ${JSON.stringify(text)} is not allowed`,
    rule: "lower-case letters, digits and hyphens, at most 63, first a letter or digit",
    suggestion: nameLike(text),
    option: "--name",
  });
}

/** The allowed name that is closest; undefined where nothing is left of the text. */
export function allowedNameLike(text: string): ModelName | undefined {
  const name = nameLike(text);
  return name === "" ? undefined : checkName(name);
}

function nameLike(text: string): string {
  return text
    .normalize("NFKD")
    .toLowerCase()
    .replaceAll(/[^a-z0-9]+/g, "-")
    .replace(/^-+/, "")
    .slice(0, 63)
    .replace(/-+$/, "");
}

/** Throws FerryError `bad-name` with a version close to it that is allowed. */
export function modelVersionFrom(text: string): ModelVersion {
  return allowed(checkVersion, text, {
    what: `The version ${JSON.stringify(text)} is not allowed`,
    rule: "letters, digits, `.`, `_`, `+` and `-`, at most 64, first a letter or digit",
    suggestion: text
      .replaceAll(/[^A-Za-z0-9._+-]+/g, "-")
      .replace(/^[^A-Za-z0-9]+/, "")
      .slice(0, 64),
    option: "--version",
  });
}

/**
 * A release number that ascends as versions do: 1.4.2 gives 1004002. 1 for a version that is not MAJOR.MINOR.PATCH, or
 * whose parts do not fit three digits.
 */
export function releaseOf(version: ModelVersion): number {
  const parts = /^(\d{1,6})\.(\d{1,3})\.(\d{1,3})(?![0-9.])/.exec(version);
  if (parts === null) return 1;
  const [, major, minor, patch] = parts;
  return Number(major) * 1_000_000 + Number(minor) * 1_000 + Number(patch);
}

function allowed<T>(
  check: (value: unknown) => T,
  text: string,
  { what, rule, suggestion, option }: { what: string; rule: string; suggestion: string; option: string },
): T {
  try {
    return check(text);
  } catch (cause) {
    if (!(cause instanceof ProtocolError)) throw cause;
    const trimmed = suggestion.replace(/-+$/, "");
    throw new FerryError("bad-name", `${what}: ${rule}`, {
      hint: trimmed === "" ? `Give another one with ${option}.` : `Try: ${option} ${trimmed}`,
      exitCode: EXIT.usage,
      cause,
    });
  }
}
