/** Where the passphrase of a key comes from: a file or descriptor that the environment names, else the terminal. */
import { open } from "node:fs/promises";
import { createInterface } from "node:readline/promises";
import { Writable } from "node:stream";
import { EXIT, FerryError, messageOf } from "./ferry-error.ts";

/** Names a file with the passphrase on its first line; `/dev/fd/3` for a descriptor. Never a flag: others can list those. */
const VARIABLE = "FERRY_PASSPHRASE_FILE";
/** Longer than anybody types; keeps a wrong file from being read whole. */
const PASSPHRASE_BYTES_MAX = 4_096;

export interface PassphraseSources {
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** The terminal to ask on, and to write the question to. */
  readonly input: NodeJS.ReadStream;
  readonly output: NodeJS.WriteStream;
}

/** Throws FerryError `no-passphrase` where there is neither, `passphrase-exposed` for a file that others can read. */
export async function readPassphrase(
  question: string,
  sources: PassphraseSources = { environment: process.env, input: process.stdin, output: process.stderr },
): Promise<string> {
  const file = sources.environment[VARIABLE];
  const passphrase = file === undefined ? await ask(question, sources) : await firstLine(file);
  if (passphrase !== "") return passphrase;
  throw new FerryError("no-passphrase", "The passphrase is empty", {
    hint: `Type it when asked, or put it on the first line of the file that ${VARIABLE} names.`,
    exitCode: EXIT.notAllowed,
  });
}

/** Asks twice: a new passphrase with a slip in it would lose the key. A file is read once. */
export async function newPassphrase(question: string, sources?: PassphraseSources): Promise<string> {
  const first = await readPassphrase(question, sources);
  if ((sources?.environment ?? process.env)[VARIABLE] !== undefined) return first;
  if ((await readPassphrase("Again, to be sure: ", sources)) === first) return first;
  throw new FerryError("no-passphrase", "The two passphrases differ", { hint: "Nothing was written; run it again." });
}

async function firstLine(path: string): Promise<string> {
  try {
    await using file = await open(path, "r");
    const status = await file.stat();
    if (status.isFile() && (status.mode & 0o077) !== 0) {
      throw new FerryError("passphrase-exposed", `Other users can read the passphrase in ${path}`, {
        hint: `Run: chmod 600 ${path}. Who could read it may have it: encrypt the key with another one as well.`,
        exitCode: EXIT.notAllowed,
      });
    }
    const { buffer, bytesRead } = await file.read(Buffer.alloc(PASSPHRASE_BYTES_MAX), 0, PASSPHRASE_BYTES_MAX, null);
    return /^[^\r\n]*/.exec(buffer.toString("utf8", 0, bytesRead))?.[0] ?? "";
  } catch (cause) {
    if (cause instanceof FerryError) throw cause;
    throw new FerryError("no-passphrase", `Cannot read the passphrase from ${path}: ${messageOf(cause)}`, {
      hint: `${VARIABLE} must name a file, or a descriptor such as /dev/fd/3.`,
      cause,
    });
  }
}

async function ask(question: string, { input, output }: PassphraseSources): Promise<string> {
  if (!input.isTTY) {
    throw new FerryError("no-passphrase", "The key is encrypted, and there is no terminal to ask for its passphrase", {
      hint: `Set ${VARIABLE} to a file that only you can read, or to a descriptor such as /dev/fd/3.`,
      exitCode: EXIT.notAllowed,
    });
  }
  output.write(question);
  // readline writes what is typed to its output: this one shows nothing of it.
  const nowhere = new Writable({
    write: (_chunk, _encoding, done) => {
      done();
    },
  });
  const terminal = createInterface({ input, output: nowhere, terminal: true });
  const interrupted = new AbortController();
  terminal.once("SIGINT", () => {
    interrupted.abort();
  });
  try {
    return await terminal.question("", { signal: interrupted.signal });
  } catch (cause) {
    throw new FerryError("interrupted", "No passphrase was given", { exitCode: EXIT.interrupted, cause });
  } finally {
    terminal.close();
    output.write("\n");
  }
}
