import { namedFiles } from "../../protocol/bundle/agent-part.ts";
import { MODEL_JSON } from "../../protocol/bundle/bundle-path.ts";
import { parseModelJson, type ModelJson } from "../../protocol/bundle/model-json.ts";
import type { ModelName, ModelVersion, StatementDigest } from "../../protocol/ids.ts";
import { ProtocolError } from "../../protocol/protocol-error.ts";
import { BundleRefused, checkListing, verifyBundleSignatures } from "../../protocol/trust/model-signing.ts";
import type { Role } from "../../protocol/trust/root.ts";
import type { ReadArchive } from "./read-archive.ts";

export interface VerifiedArchive {
  readonly statement: StatementDigest;
  readonly name: ModelName;
  readonly version: ModelVersion;
  readonly modelJson: ModelJson;
}

/** Holds what was read of an archive against the publisher's keys, in the order that a device does. Throws BundleRefused. */
export function verifyArchive({ files, signatureFiles, modelJson }: ReadArchive, publisher: Role): VerifiedArchive {
  const { statement, resources } = verifyBundleSignatures({
    signatureFiles: [...signatureFiles.values()],
    publisher,
  });
  checkListing(resources, files);
  const model = readModelJson(modelJson);
  for (const path of namedFiles(model)) {
    if (!files.has(path))
      throw new BundleRefused("bundle-malformed", `${MODEL_JSON} names ${path}, which is not there`);
  }
  return { statement, name: model.name, version: model.version, modelJson: model };
}

/** Throws BundleRefused `bundle-malformed`. */
export function readModelJson(bytes: Uint8Array | undefined): ModelJson {
  if (bytes === undefined) throw new BundleRefused("bundle-malformed", `The bundle has no ${MODEL_JSON}`);
  try {
    return parseModelJson(bytes);
  } catch (thrown) {
    if (!(thrown instanceof ProtocolError)) throw thrown;
    throw new BundleRefused("bundle-malformed", `The bundle's ${thrown.message}`, { cause: thrown });
  }
}
