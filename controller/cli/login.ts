import type { Command } from "commander";
import { createInterface } from "node:readline/promises";
import { Writable } from "node:stream";
import pc from "picocolors";
import { EXIT, FerryError } from "../../common/ferry-error.ts";
import { createClient } from "../http/client.ts";
import { caText, controllerUrl, trustOnly, withController, withExamples, type RemoteOptions } from "./context.ts";
import { checkedToken, forgetLogin, requirePrivateWay, storeLogin } from "./credentials.ts";
import { print, say } from "./output.ts";

export function addLoginCommands(program: Command): void {
  const login = program
    .command("login")
    .description("use a controller on another machine: asks for a token, or reads it from standard input")
    .action(logIn);
  withExamples(
    withController(login),
    "ferry login --controller https://ferry.example:8470",
    "ferry login --controller https://ferry.example:8470 --ca ca.pem < token.txt",
  );
  const logout = program.command("logout").description("forget the token of a controller").action(logOut);
  withExamples(withController(logout), "ferry logout --controller https://ferry.example:8470");
}

async function logIn(options: RemoteOptions): Promise<void> {
  const url = controllerUrl(options);
  requirePrivateWay(url);
  const token = checkedToken(await readToken(url), process.stdin.isTTY ? "That" : "Standard input");
  const ca = caText(options, url);
  if (ca !== undefined) trustOnly(ca);
  const { name, role } = await createClient(url.href, { token }).whoAmI({});
  const path = storeLogin(url, { token, ...(ca === undefined ? {} : { ca }) });
  print(`${pc.green("✔")} ${url.origin}: ${pc.bold(name)} (${role})`);
  say(`stored in ${path}`);
  say(`next: ferry status --controller ${url.origin}`);
}

function logOut(options: RemoteOptions): void {
  const url = controllerUrl(options);
  if (!forgetLogin(url)) {
    throw new FerryError("not-found", `There is no login for ${url.origin}`, { exitCode: EXIT.notFound });
  }
  print(`${pc.green("✔")} ${url.origin} is forgotten`);
  say("The token itself stays valid; an admin ends it with `ferry operator rotate` or `remove`.");
}

/** More than any token with its line end. */
const STDIN_CHARS_MAX = 1_000;

async function readToken({ origin }: URL): Promise<string> {
  if (process.stdin.isTTY) return askQuietly(`Token for ${origin} (is not shown): `);
  let text = "";
  for await (const part of process.stdin) {
    text += String(part);
    if (text.length > STDIN_CHARS_MAX) break;
  }
  return text.trim();
}

/** Nothing of what is typed appears on the terminal. */
async function askQuietly(question: string): Promise<string> {
  process.stderr.write(question);
  const nowhere = new Writable({
    write: (_text, _encoding, done) => {
      done();
    },
  });
  const terminal = createInterface({ input: process.stdin, output: nowhere, terminal: true });
  try {
    return (await terminal.question("")).trim();
  } finally {
    terminal.close();
    process.stderr.write("\n");
  }
}
