/** `ferry-agent.env` on a boot partition: what a person writes into it on any computer, for a device that has no screen. */
import { EXIT, FerryError } from "../../common/ferry-error.ts";

/** What `ferry-agent join` is told. */
export interface BootFile {
  /** The board whose image this file was written for. */
  readonly board?: string;
  readonly token?: string;
  readonly controller?: string;
  readonly caPin?: string;
  readonly fleet?: string;
  readonly id?: string;
  readonly rootPin: string;
  readonly labels: readonly string[];
  readonly httpHost?: string;
}

const KEYS = {
  FERRY_BOARD: "board",
  FERRY_TOKEN: "token",
  FERRY_CONTROLLER: "controller",
  FERRY_CA_PIN: "caPin",
  FERRY_FLEET: "fleet",
  FERRY_ID: "id",
  FERRY_ROOT_PIN: "rootPin",
  FERRY_LABELS: "labels",
  FERRY_HTTP_HOST: "httpHost",
} as const;

/** Longer than a file with every key in it and all our comments. */
export const BOOT_FILE_BYTES_MAX = 65_536;

/**
 * `KEY=value` lines; `#` begins a comment line. Windows' line ends, its mark at the beginning, and quotes around a value
 * are taken as they are meant. A value is data: nothing is expanded or run. Throws FerryError `boot-file`; the token is
 * never part of its message.
 */
export function parseBootFile(text: string): BootFile {
  const values: Partial<Record<(typeof KEYS)[keyof typeof KEYS], string>> = {};
  for (const [at, raw] of text
    .replace(/^\uFEFF/, "")
    .split(/\r\n|\n|\r/)
    .entries()) {
    const line = raw.trim();
    if (line === "" || line.startsWith("#")) continue;
    const equals = line.indexOf("=");
    const key = line.slice(0, equals).trim();
    if (equals < 1) throw refuse(`line ${at + 1} is not of the form KEY=value`);
    if (!isKey(key)) throw refuse(`line ${at + 1} names "${key.slice(0, 40)}", which is not known here`);
    const name = KEYS[key];
    if (values[name] !== undefined) throw refuse(`${key} stands there twice`);
    const value = unquoted(line.slice(equals + 1).trim());
    if (value !== "") values[name] = value;
  }
  const { labels = "", rootPin, ...rest } = values;
  if (rest.token === undefined && rest.controller === undefined) {
    throw refuse("it has no FERRY_TOKEN, and no FERRY_CONTROLLER to ask without one");
  }
  if (rootPin === undefined) throw refuse("it has no FERRY_ROOT_PIN, without which nobody is believed");
  return { ...rest, rootPin, labels: labels.split(/[\s,]+/).filter((label) => label !== "") };
}

function isKey(key: string): key is keyof typeof KEYS {
  return Object.hasOwn(KEYS, key);
}

function unquoted(value: string): string {
  return /^(["']).*\1$/.test(value) && value.length > 1 ? value.slice(1, -1) : value;
}

function refuse(why: string): FerryError {
  return new FerryError("boot-file", `ferry-agent.env on the boot partition cannot be used: ${why}`, {
    hint: `It takes ${Object.keys(KEYS).join(", ")}. \`ferry device invite NAME\` prints a token and the root pin.`,
    exitCode: EXIT.usage,
  });
}
