import { readdir } from "node:fs/promises";
import { EXIT, FerryError, systemCodeOf } from "../../common/ferry-error.ts";
import { MODEL_JSON, SIGNATURE_FOLDER } from "../../protocol/bundle/bundle-path.ts";

/** What is replaced should be a bundle, not a folder that was named by mistake. Throws FerryError `exists`. */
export async function refuseToOverwrite(directory: string, force: boolean): Promise<void> {
  const present: readonly string[] = await readdir(directory).catch((cause: unknown) => {
    if (systemCodeOf(cause) === "ENOENT") return [];
    throw cause;
  });
  const isBundle = present.includes(MODEL_JSON) || present.includes(SIGNATURE_FOLDER);
  if (present.length === 0 || (force && isBundle)) return;
  throw new FerryError("exists", `${directory} is there already, with ${present.slice(0, 3).join(", ")}`, {
    hint: isBundle ? "Name another folder, or replace it with --force." : "Name another folder.",
    exitCode: EXIT.conflict,
  });
}
