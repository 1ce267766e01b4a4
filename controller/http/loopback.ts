import { EXIT, FerryError } from "../../common/ferry-error.ts";

/** How a URL names this machine. */
export const LOOPBACK_NAMES: ReadonlySet<string> = new Set(["127.0.0.1", "localhost", "[::1]"]);

/** True for an address that only this machine can reach. */
export function isLoopback(host: string): boolean {
  return LOOPBACK_NAMES.has(host) || host === "::1";
}

/** Throws `not-loopback`: for what would go over a network in the clear. */
export function requireLoopback(host: string): void {
  if (isLoopback(host)) return;
  throw new FerryError(
    "not-loopback",
    `The HTTP API does not listen on ${host} without TLS: whoever reads along would have every operator's token`,
    {
      hint: "Give a certificate: --tls-cert FILE --tls-key FILE. Or go through SSH: ssh -L 8470:127.0.0.1:8470 this-machine",
      exitCode: EXIT.notAllowed,
    },
  );
}
