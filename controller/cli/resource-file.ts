/** Files of resources as commands take them: `-f FILE`, or `-f -` for standard input. */
import { readFileSync } from "node:fs";
import { EXIT, FerryError, messageOf, systemCodeOf } from "../../common/ferry-error.ts";
import { parseRolloutFile, type Resource } from "../rollout/parse-rollout-file.ts";

/** Throws `not-found`, `file-unreadable`, `bad-file`. */
export function readResources(path: string): readonly Resource[] {
  return parseRolloutFile(textOf(path), path === "-" ? "standard input" : path, Date.now());
}

const STDIN = 0;

function textOf(path: string): string {
  try {
    return readFileSync(path === "-" ? STDIN : path, "utf8");
  } catch (cause) {
    const isMissing = systemCodeOf(cause) === "ENOENT";
    throw new FerryError(isMissing ? "not-found" : "file-unreadable", `Cannot read ${path}: ${messageOf(cause)}`, {
      hint: "Give the path of a file of resources; examples/rollouts and examples/alerts have some.",
      exitCode: isMissing ? EXIT.notFound : EXIT.usage,
      cause,
    });
  }
}
