/** `ferry-agent token`: what callers of the local HTTP port must show. */
import { existsSync } from "node:fs";
import { EXIT, FerryError } from "../../common/ferry-error.ts";
import { agentFolder } from "../config.ts";
import { createHttpToken, readHttpToken } from "../http-tokens.ts";

export interface TokenOptions {
  readonly dir: string;
  readonly admin?: boolean;
  readonly create?: boolean;
}

/** Throws FerryError `not-joined`, `not-found`, `secret-exposed` or `weak-token`. */
export function showToken({ dir, admin = false, create = false }: TokenOptions): string {
  const folder = agentFolder(dir);
  const kind = admin ? "admin" : "caller";
  if (!existsSync(folder.directory)) {
    throw new FerryError("not-joined", `There is no agent in ${folder.directory}`, {
      hint: "Name its folder with --dir; `ferry-agent join` makes one.",
      exitCode: EXIT.notFound,
    });
  }
  if (create) return createHttpToken(folder, kind);
  const token = readHttpToken(folder, kind);
  if (token !== undefined) return token;
  const who = admin ? "has no administrator's token" : "asks its callers for no token";
  throw new FerryError("not-found", `The agent in ${folder.directory} ${who}`, {
    hint: `Make one: ferry-agent token --create${admin ? " --admin" : ""} --dir ${folder.directory}`,
    exitCode: EXIT.notFound,
  });
}
