/** With which token this machine speaks to which controller. Never by a flag: those stand in process lists and histories. */
import { homedir } from "node:os";
import { join } from "node:path";
import { Type, type Static } from "typebox";
import { EXIT, FerryError, messageOf } from "../../common/ferry-error.ts";
import { readPrivateFile, writePrivateFile } from "../../common/private-file.ts";
import { closedObject, gate, parseJson } from "../../protocol/schema.ts";
import { controllerPaths } from "../config.ts";
import { LOOPBACK_NAMES } from "../http/loopback.ts";
import { readLocalToken } from "../operators/local-operator.ts";
import { looksLikeToken } from "../operators/operator-token.ts";

const Credentials = closedObject({
  formatVersion: Type.Literal(1),
  /** By origin, such as `https://ferry.example:8470`. */
  controllers: Type.Record(
    Type.String(),
    closedObject({
      token: Type.String(),
      /** PEM: the CA that was given at login. */
      ca: Type.Optional(Type.String()),
    }),
  ),
});
type Credentials = Static<typeof Credentials>;

export interface Login {
  readonly token: string;
  readonly ca?: string;
}

/** A hundred controllers with their CAs. */
const FILE_BYTES_MAX = 1_000_000;

/** `~/.config/modelferry/credentials.json`, or below XDG_CONFIG_HOME. */
function credentialsPath(): string {
  const configured = process.env["XDG_CONFIG_HOME"];
  const folder = configured === undefined || configured === "" ? join(homedir(), ".config") : configured;
  return join(folder, "modelferry", "credentials.json");
}

/** FERRY_TOKEN, else what `ferry login` stored, else the home's own token where the controller is this machine's. */
export function tokenFor(controller: URL): string | undefined {
  const given = process.env["FERRY_TOKEN"];
  if (given !== undefined && given !== "") return checkedToken(given, "FERRY_TOKEN");
  return loginAt(controller)?.token ?? (isThisMachine(controller) ? localToken() : undefined);
}

export function loginAt(controller: URL): Login | undefined {
  return readCredentials().controllers[controller.origin];
}

/** Gives the file's path. */
export function storeLogin(controller: URL, login: Login): string {
  const { controllers } = readCredentials();
  return writeCredentials({ ...controllers, [controller.origin]: login });
}

/** False where there was none. */
export function forgetLogin(controller: URL): boolean {
  const { [controller.origin]: former, ...others } = readCredentials().controllers;
  if (former !== undefined) writeCredentials(others);
  return former !== undefined;
}

/** Throws `usage` for what cannot be a token, such as one that was not copied whole. */
export function checkedToken(text: string, from: string): string {
  if (looksLikeToken(text)) return text;
  throw new FerryError("usage", `${from} does not hold an operator's token`, {
    hint: "A token is `ferry_` and 43 more characters; `ferry operator add` shows it once.",
    exitCode: EXIT.usage,
  });
}

/** A token is never sent where others could read it on the way. */
export function requirePrivateWay(controller: URL): void {
  if (controller.protocol === "https:" || isThisMachine(controller)) return;
  throw new FerryError(
    "token-in-clear",
    `A token is not sent to ${controller.origin}: everybody on the way could read it`,
    {
      hint: `Use https://${controller.host}, or an SSH tunnel: ssh -L 8470:127.0.0.1:8470 ${controller.hostname}`,
      exitCode: EXIT.notAllowed,
    },
  );
}

function isThisMachine({ hostname }: URL): boolean {
  return LOOPBACK_NAMES.has(hostname);
}

function localToken(): string | undefined {
  return readLocalToken(controllerPaths(undefined).operatorToken);
}

const check = gate("credentials.json", Credentials);

function readCredentials(): Credentials {
  const path = credentialsPath();
  const text = readPrivateFile(path);
  if (text === undefined) return { formatVersion: 1, controllers: {} };
  try {
    return parseJson("credentials.json", Buffer.from(text), FILE_BYTES_MAX, check);
  } catch (cause) {
    throw new FerryError("bad-credentials", `Cannot use ${path}: ${messageOf(cause)}`, {
      hint: "Delete it, and log in again.",
      cause,
    });
  }
}

function writeCredentials(controllers: Credentials["controllers"]): string {
  const path = credentialsPath();
  const content: Credentials = { formatVersion: 1, controllers };
  writePrivateFile(path, `${JSON.stringify(content, undefined, 2)}\n`);
  return path;
}
