/**
 * The names of applications that have a certificate, in a file beside the CA: devices and applications share one space of
 * names, and a name that stands for one must never be given to the other.
 */
import { readFile } from "node:fs/promises";
import { Type } from "typebox";
import { EXIT, FerryError, messageOf, systemCodeOf } from "../../common/ferry-error.ts";
import { CallerId } from "../../protocol/ids.ts";
import { closedObject, gate, parseJson } from "../../protocol/schema.ts";
import type { AuthorityPaths } from "../config.ts";
import { replaceFile } from "./replace-file.ts";

/** Applications are set up by people, one by one. */
export const CALLERS_MAX = 10_000;
const FILE_BYTES_MAX = 1024 ** 2;

const CallersFile = closedObject({ callers: Type.Array(CallerId, { maxItems: CALLERS_MAX }) });
const check = gate("callers.json", CallersFile);

/** As they are on disk: `ferry ca issue-caller` writes it while a controller runs. Throws FerryError `ca-unusable`. */
export async function readCallers({ callers: path }: AuthorityPaths): Promise<ReadonlySet<string>> {
  try {
    return new Set(parseJson("callers.json", await readFile(path), FILE_BYTES_MAX, check).callers);
  } catch (cause) {
    if (systemCodeOf(cause) === "ENOENT") return new Set();
    throw new FerryError("ca-unusable", `Cannot read which names are those of applications: ${messageOf(cause)}`, {
      hint: `Restore ${path} from a backup.`,
      cause,
    });
  }
}

/** Before the certificate is issued. Throws FerryError `too-many-callers`. */
export async function recordCaller(paths: AuthorityPaths, caller: CallerId): Promise<void> {
  const known = await readCallers(paths);
  if (known.has(caller)) return;
  if (known.size >= CALLERS_MAX) {
    throw new FerryError(
      "too-many-callers",
      `There are ${known.size} applications with a certificate, the most there can be`,
      {
        hint: "Take the names of those that are gone out of the file, with the controller stopped.",
        exitCode: EXIT.conflict,
      },
    );
  }
  await replaceFile(paths.callers, `${JSON.stringify({ callers: [...known, caller] })}\n`);
}
