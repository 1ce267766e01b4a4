/** What every command of `ferry` shares: the options of all, and one way to end. */
import { Option, type Command } from "commander";
import { readFileSync } from "node:fs";
import { setDefaultCACertificates } from "node:tls";
import pc from "picocolors";
import { EXIT, FerryError, messageOf, type ExitCode } from "../../common/ferry-error.ts";
import { createClient, type Client } from "../http/client.ts";
import { loginAt, requirePrivateWay, tokenFor } from "./credentials.ts";
import { OUTPUT_FORMATS, parseFormat, say, type OutputFormat } from "./output.ts";

const CONTROLLER_URL = "http://127.0.0.1:8470";

export interface RemoteOptions {
  readonly controller: string;
  readonly ca?: string;
}

export interface OutputOptions {
  readonly output: string;
}

/** For a command that talks to a controller. */
export function withController(command: Command): Command {
  return command
    .addOption(
      new Option("--controller <url>", "where the controller's HTTP API listens")
        .env("FERRY_CONTROLLER")
        .default(CONTROLLER_URL),
    )
    .addOption(new Option("--ca <file>", "the CA of its certificate, where no public one made it").env("FERRY_CA"));
}

/** For a command that shows something. */
export function withOutput(command: Command): Command {
  return command.addOption(
    new Option("-o, --output <format>", "how to show it").choices([...OUTPUT_FORMATS]).default("table"),
  );
}

/** What a command is told that asks a controller and shows what it answers. */
export type RemoteCommandOptions = RemoteOptions & OutputOptions;

/** For such a command, with examples at the end of its help. */
export function withRemote(command: Command, ...examples: readonly string[]): Command {
  return withExamples(withOutput(withController(command)), ...examples);
}

/** With this machine's token for that controller. */
export function clientOf(options: RemoteOptions): Client {
  const url = controllerUrl(options);
  const token = tokenFor(url);
  if (token !== undefined) requirePrivateWay(url);
  const ca = caText(options, url) ?? loginAt(url)?.ca;
  if (ca !== undefined) trustOnly(ca);
  return createClient(options.controller, { token });
}

export function controllerUrl({ controller }: RemoteOptions): URL {
  if (URL.canParse(controller)) return new URL(controller);
  throw new FerryError("usage", `${JSON.stringify(controller)} is not a URL`, {
    hint: `Write it like ${CONTROLLER_URL}.`,
    exitCode: EXIT.usage,
  });
}

/** The CA that --ca or FERRY_CA names. */
export function caText({ ca }: RemoteOptions, { protocol }: URL): string | undefined {
  if (ca === undefined || protocol !== "https:") return undefined;
  try {
    return readFileSync(ca, "utf8");
  } catch (cause) {
    throw new FerryError("not-found", `Cannot read the CA's certificate ${ca}: ${messageOf(cause)}`, {
      hint: "Give the PEM file of the CA with --ca or FERRY_CA.",
      exitCode: EXIT.notFound,
      cause,
    });
  }
}

/** Whoever names a CA means that one: no public CA can stand in for it. For the whole program. */
export function trustOnly(ca: string): void {
  setDefaultCACertificates([ca]);
}

export function formatOf({ output }: OutputOptions): OutputFormat {
  return parseFormat(output);
}

/** An example at the end of a command's help. */
export function withExamples(command: Command, ...lines: readonly string[]): Command {
  return command.addHelpText("after", `\nExamples:\n${lines.map((line) => `  $ ${line}`).join("\n")}`);
}

/** What failed, why, what to do; then the exit code for it. */
export function explain(thrown: unknown): ExitCode {
  if (thrown instanceof FerryError) {
    say(`${pc.red("error:")} ${thrown.message} ${pc.dim(`(${thrown.code})`)}`);
    if (thrown.hint !== undefined) say(`${pc.cyan("hint:")}  ${thrown.hint}`);
    return thrown.exitCode;
  }
  say(`${pc.red("error:")} ${messageOf(thrown)}`);
  if (process.env["FERRY_LOG"] === "debug" && thrown instanceof Error) say(thrown.stack ?? "");
  return EXIT.failed;
}

/** Aborts at the first Ctrl-C or SIGTERM; a second one ends the program at once. */
export function stopSignal(): AbortSignal {
  const stopping = new AbortController();
  for (const name of ["SIGINT", "SIGTERM"] as const) {
    process.once(name, () => {
      stopping.abort();
    });
  }
  return stopping.signal;
}
