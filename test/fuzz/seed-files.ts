import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { ProtocolError } from "../../protocol/protocol-error.ts";

const WIRE = new URL("../fixtures/wire/", import.meta.url).pathname;

/** The golden wire files whose names match: each is an input that its decoder takes. */
export function wireFiles(...names: readonly RegExp[]): Uint8Array[] {
  return readdirSync(WIRE)
    .filter((file) => names.some((name) => name.test(file)))
    .map((file) => readFileSync(join(WIRE, file)));
}

export function isProtocolError(thrown: unknown): boolean {
  return thrown instanceof ProtocolError;
}

/** Tries one of several decoders of the same input: what it refuses, another may take. */
export function allowRefusal(attempt: () => unknown): void {
  try {
    attempt();
  } catch (thrown) {
    if (!isProtocolError(thrown)) throw thrown;
  }
}

export function json(value: unknown): Uint8Array {
  return Buffer.from(JSON.stringify(value));
}
