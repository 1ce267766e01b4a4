/** The tokens that open the local HTTP port, each in a file that only the agent's user can read. */
import { randomBytes } from "node:crypto";
import { EXIT, FerryError } from "../common/ferry-error.ts";
import { readPrivateFile, writePrivateFile } from "../common/private-file.ts";
import type { AgentConfig, AgentFolder } from "./config.ts";
import type { AccessTokens } from "./serve/access-tokens.ts";

export type TokenKind = "caller" | "admin";

/** 256 bits: nobody tries so many. */
const TOKEN_BYTES = 32;
/** Shorter ones, written by hand, could be guessed over the network. */
const TOKEN_CHARS_MIN = 20;

/** Undefined where there is none. Throws FerryError `secret-exposed` or `weak-token`. */
export function readHttpToken(folder: AgentFolder, kind: TokenKind): string | undefined {
  const path = pathOf(folder, kind);
  const token = readPrivateFile(path)?.trim();
  if (token === undefined || (token.length >= TOKEN_CHARS_MIN && !/\s/.test(token))) return token;
  throw new FerryError("weak-token", `The token in ${path} has fewer than ${TOKEN_CHARS_MIN} characters, or spaces`, {
    hint: `Make another: ferry-agent token --create${kind === "admin" ? " --admin" : ""} --dir ${folder.directory}`,
    exitCode: EXIT.notAllowed,
  });
}

/** A new one in place of what was there; an agent that runs takes it at its next start. */
export function createHttpToken(folder: AgentFolder, kind: TokenKind): string {
  const token = randomBytes(TOKEN_BYTES).toString("base64url");
  writePrivateFile(pathOf(folder, kind), `${token}\n`);
  return token;
}

/** What the agent opens its port with. Throws FerryError `unprotected` where other machines could ask without a token. */
export function httpTokens(folder: AgentFolder, { host, unprotected }: AgentConfig["http"]): AccessTokens {
  const caller = readHttpToken(folder, "caller");
  if (caller === undefined && unprotected !== true && !isLoopback(host)) {
    throw new FerryError("unprotected", `Other machines could ask this device at ${host} without a token`, {
      hint: `Make one: ferry-agent token --create --dir ${folder.directory}. Or listen on 127.0.0.1; or, where the network itself keeps others out, set "unprotected": true below "http" in ${folder.config}.`,
      exitCode: EXIT.notAllowed,
    });
  }
  return { caller, admin: readHttpToken(folder, "admin") };
}

export function isLoopback(host: string): boolean {
  return /^(localhost|127(\.\d{1,3}){3}|::1)$/.test(host);
}

function pathOf(folder: AgentFolder, kind: TokenKind): string {
  return kind === "admin" ? folder.httpAdminToken : folder.httpToken;
}
