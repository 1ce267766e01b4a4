import { EXIT, FerryError } from "../../common/ferry-error.ts";
import { ProtocolError } from "../../protocol/protocol-error.ts";
import { BundleRefused } from "../../protocol/trust/model-signing.ts";
import type { RefusalCode } from "../../protocol/trust/refusal.ts";

/** A command's action whose refusals reach the person with what to do about them. */
export function refusalsAsErrors<Args extends unknown[]>(
  action: (...args: Args) => Promise<void>,
): (...args: Args) => Promise<void> {
  return async (...args) => {
    try {
      await action(...args);
    } catch (thrown) {
      throw asError(thrown);
    }
  };
}

const HINTS: Partial<Record<RefusalCode, string>> = {
  "archive-malformed": "Build it anew from the bundle's directory: ferry bundle build",
  "publisher-signature":
    "If the bundle is yours, sign it with a publisher key: ferry bundle sign. If it is not, do not use it.",
  "bundle-malformed": "Make it anew with ferry bundle init and ferry bundle sign.",
  "bundle-file-digest":
    "Get the bundle again from where it was signed; after a change of your own, sign again: ferry bundle sign",
  "bundle-unlisted-file": "Move the file away; if it belongs to the bundle, sign again: ferry bundle sign",
};

function asError(thrown: unknown): unknown {
  if (thrown instanceof BundleRefused) {
    const hint = HINTS[thrown.code];
    return new FerryError(thrown.code, thrown.message, {
      ...(hint === undefined ? {} : { hint }),
      exitCode: EXIT.notAllowed,
      cause: thrown,
    });
  }
  if (thrown instanceof ProtocolError) return new FerryError("bad-input", thrown.message, { cause: thrown });
  return thrown;
}
