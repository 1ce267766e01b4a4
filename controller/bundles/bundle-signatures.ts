import { SIGNATURE_FOLDER } from "../../protocol/bundle/bundle-path.ts";
import { ProtocolError } from "../../protocol/protocol-error.ts";
import type { Signer } from "../../protocol/trust/keys.ts";
import { BundleRefused, checkListing, type ListedFile } from "../../protocol/trust/model-signing.ts";
import { modelStatement, parseModelStatement, statementDigest } from "../../protocol/trust/model-statement.ts";
import { openSignatureFile, signStatement } from "../../protocol/trust/signature-file.ts";
import type { ModelJson } from "../../protocol/bundle/model-json.ts";
import type { StatementDigest } from "../../protocol/ids.ts";

export interface PlannedSignature {
  readonly statement: StatementDigest;
  /** Where the new signature goes, and its bytes. */
  readonly path: string;
  readonly bytes: Buffer;
  /** Signatures that are there already over the same statement, by other keys. */
  readonly kept: readonly string[];
  /** Signatures over files that are not those any more: they would only get the bundle refused. */
  readonly stale: readonly string[];
}

/**
 * Signs these files beside whatever signatures are there. Several publishers must sign the same bytes: where one has
 * signed exactly these files, also with another tool, its statement is signed again; otherwise a statement is made.
 */
export async function planSignature(
  { name, version }: ModelJson,
  files: ReadonlyMap<string, ListedFile>,
  present: ReadonlyMap<string, Uint8Array>,
  signer: Signer,
): Promise<PlannedSignature> {
  const own = modelStatement(`${name}-${version}`, files);
  const statements = new Map([...present].map(([path, bytes]) => [path, fittingStatement(bytes, files)]));
  const all = [...statements.values()].filter((statement) => statement !== undefined);
  const payload = all.find((statement) => statement.equals(own)) ?? all[0] ?? own;
  const path = `${SIGNATURE_FOLDER}/${signer.publicKey.hint}.sig`;
  const others = [...statements].filter(([other]) => other !== path);
  return {
    statement: statementDigest(payload),
    path,
    bytes: await signStatement(payload, signer),
    kept: others.filter(([, statement]) => statement?.equals(payload) === true).map(([other]) => other),
    stale: others.filter(([, statement]) => statement?.equals(payload) !== true).map(([other]) => other),
  };
}

/** The statement of a signature file, where it lists exactly these files; undefined for any other file. */
function fittingStatement(bytes: Uint8Array, files: ReadonlyMap<string, ListedFile>): Buffer | undefined {
  try {
    const { payload } = openSignatureFile(bytes).envelope;
    checkListing(parseModelStatement(payload).resources, files);
    return payload;
  } catch (thrown) {
    if (thrown instanceof ProtocolError || thrown instanceof BundleRefused) return undefined;
    throw thrown;
  }
}
