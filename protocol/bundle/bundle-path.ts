import { ProtocolError } from "../protocol-error.ts";

/** Where a bundle's signatures lie: one `.sig` for each publisher key. Not itself signed. */
export const SIGNATURE_FOLDER = ".oms";

/** The file that describes the model; every bundle has it. */
export const MODEL_JSON = "model.json";

/**
 * A file name inside a bundle that is safe to create on any device: relative, `/` between segments, no `.` or `..`, no
 * backslash, no control character. Throws MALFORMED with the reason.
 */
export function checkBundlePath(path: string): void {
  const problem = problemWith(path);
  if (problem !== undefined)
    throw new ProtocolError("MALFORMED", "bundle", `file name ${JSON.stringify(path)} ${problem}`);
}

function problemWith(path: string): string | undefined {
  if (path === "") return "is empty";
  if (new TextEncoder().encode(path).byteLength > 512) return "is longer than 512 bytes";
  if (path.startsWith("/") || /^[A-Za-z]:/.test(path)) return "is absolute";
  if (path.includes("\\")) return "contains a backslash";
  // eslint-disable-next-line no-control-regex -- control characters are what is looked for
  if (/[\u0000-\u001f\u007f]/.test(path)) return "contains a control character";
  if (path.split("/").some((segment) => segment === "" || segment === "." || segment === "..")) {
    return "has an empty, `.` or `..` segment";
  }
  return undefined;
}

/** Throws MALFORMED where two names are the same, or would be the same file on a file system that ignores case. */
export function checkNoTwins(paths: Iterable<string>): void {
  const seen = new Map<string, string>();
  for (const path of paths) {
    const folded = path.normalize("NFC").toLowerCase();
    const twin = seen.get(folded);
    if (twin !== undefined) {
      throw new ProtocolError(
        "MALFORMED",
        "bundle",
        `files ${JSON.stringify(twin)} and ${JSON.stringify(path)} have the same name`,
      );
    }
    seen.set(folded, path);
  }
}
