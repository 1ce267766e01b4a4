import { readFile } from "node:fs/promises";
import { EXIT, FerryError, messageOf } from "../../common/ferry-error.ts";
import { readPrivateFile } from "../../common/private-file.ts";
import type { ControllerConfig } from "../config.ts";
import type { TlsFiles } from "./http-server.ts";
import { requireLoopback } from "./loopback.ts";

/** Throws `not-loopback` where the API would go over a network in the clear, `secret-exposed`, `bad-certificate`. */
export async function readTls({ host, tls }: ControllerConfig["http"]): Promise<TlsFiles | undefined> {
  if (tls === undefined) {
    requireLoopback(host ?? "127.0.0.1");
    return undefined;
  }
  const key = readPrivateFile(tls.key);
  if (key === undefined) throw unreadable(tls.key, "it is not there");
  try {
    return { cert: await readFile(tls.cert, "utf8"), key };
  } catch (cause) {
    throw unreadable(tls.cert, messageOf(cause), cause);
  }
}

function unreadable(path: string, why: string, cause?: unknown): FerryError {
  return new FerryError("bad-certificate", `Cannot read ${path} for the HTTP API's TLS: ${why}`, {
    hint: "Check --tls-cert and --tls-key, or `http.tls` in controller.json.",
    exitCode: EXIT.notFound,
    cause,
  });
}
