import { createInterface } from "node:readline/promises";
import { EXIT, FerryError } from "../../common/ferry-error.ts";

/** Asks a person on the terminal; anything but yes is no. Throws FerryError `interrupted`. */
export async function confirmed(question: string): Promise<boolean> {
  const terminal = createInterface({ input: process.stdin, output: process.stderr });
  const interrupted = new AbortController();
  terminal.once("SIGINT", () => {
    interrupted.abort();
  });
  try {
    return /^y(es)?$/i.test((await terminal.question(`${question} [y/N] `, { signal: interrupted.signal })).trim());
  } catch (cause) {
    throw new FerryError("interrupted", "Nothing was decided", { exitCode: EXIT.interrupted, cause });
  } finally {
    terminal.close();
  }
}
