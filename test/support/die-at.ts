/**
 * Loses the power at one step of a program: SIGKILL for its whole process group, before or after it moves a file to a name.
 * Every state that an update leaves on a disk appears by such a move, or goes by a removal.
 */
import fsPromises from "node:fs/promises";
import { basename } from "node:path";

/** `rename after trial`, `rm before trial`: the step, and the name of the file that it makes or removes, as a pattern. */
export type Step = `${"rename" | "rm"} ${"before" | "after"} ${string}`;

export function dieAt(step: string | undefined): void {
  const [, operation, when, name] = /^(rename|rm) (before|after) (.+)$/.exec(step ?? "") ?? [];
  if (operation === undefined || name === undefined) return;
  const pattern = new RegExp(`^(${name})$`);
  const isIt = (target: unknown) => pattern.test(basename(String(target)));
  const watched =
    <Args extends readonly unknown[], Result>(move: (...args: Args) => Promise<Result>, at: number) =>
    async (...args: Args): Promise<Result> => {
      if (when === "before" && isIt(args[at])) die();
      const result = await move(...args);
      if (when === "after" && isIt(args[at])) die();
      return result;
    };
  if (operation === "rename") fsPromises.rename = watched(fsPromises.rename, 1);
  else fsPromises.rm = watched(fsPromises.rm, 0);
}

/** Of everything that the launcher started, and of itself: nothing is left to tidy up. */
function die(): never {
  process.kill(0, "SIGKILL");
  throw new Error("the process group survived its end");
}
