import type { ModelJson } from "../../protocol/bundle/model-json.ts";
import type { StatementDigest } from "../../protocol/ids.ts";
import { ProtocolError } from "../../protocol/protocol-error.ts";
import { BundleRefused, checkListing } from "../../protocol/trust/model-signing.ts";
import { parseModelStatement } from "../../protocol/trust/model-statement.ts";
import { openSignatureFile } from "../../protocol/trust/signature-file.ts";
import { ArchiveDigests } from "./archive-digests.ts";
import { digesting } from "./build-archive.ts";
import type { BundleSource } from "./bundle-source.ts";
import { readArchive } from "./read-archive.ts";
import { readModelJson } from "./verify-archive.ts";

/** A bundle that a controller with the right publisher keys would take. */
interface PushableBundle {
  readonly model: ModelJson;
  readonly statement: StatementDigest;
  readonly lengthBytes: number;
  readonly stream: () => AsyncIterable<Uint8Array>;
}

/**
 * Reads a bundle once before it is sent, so that an unsigned, changed or damaged one costs no upload. Whose signature it
 * is, the controller decides: this machine need not have the root. Throws BundleRefused or FerryError.
 */
export async function preparePush({ stream }: BundleSource): Promise<PushableBundle> {
  const digests = new ArchiveDigests();
  const { files, signatureFiles, modelJson } = await readArchive(digesting(stream(), digests));
  const [signature] = signatureFiles.values();
  if (signature === undefined) throw new BundleRefused("publisher-signature", "The bundle carries no signature");
  const { digest, resources } = readStatement(signature);
  checkListing(resources, files);
  return { model: readModelJson(modelJson), statement: digest, lengthBytes: digests.length, stream };
}

function readStatement(signature: Uint8Array) {
  try {
    return parseModelStatement(openSignatureFile(signature).envelope.payload);
  } catch (thrown) {
    if (!(thrown instanceof ProtocolError)) throw thrown;
    throw new BundleRefused("bundle-malformed", `The bundle's ${thrown.message}`, { cause: thrown });
  }
}
