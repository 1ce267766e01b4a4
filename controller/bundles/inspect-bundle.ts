import { parseGoldenSet } from "../../protocol/bundle/golden.ts";
import type { ModelJson } from "../../protocol/bundle/model-json.ts";
import type { StatementDigest } from "../../protocol/ids.ts";
import { GOLDEN_JSON_BYTES_MAX } from "../../protocol/limits.ts";
import { ProtocolError } from "../../protocol/protocol-error.ts";
import type { ArchiveRef } from "../../protocol/trust/deployment.ts";
import { BundleRefused } from "../../protocol/trust/model-signing.ts";
import { modelStatement, statementDigest } from "../../protocol/trust/model-statement.ts";
import { openSignatureFile } from "../../protocol/trust/signature-file.ts";
import { ArchiveDigests } from "./archive-digests.ts";
import { archiveEntries } from "./archive-entries.ts";
import { digesting } from "./build-archive.ts";
import type { BundleSource } from "./bundle-source.ts";
import { readArchive, readEntry } from "./read-archive.ts";
import { readModelJson } from "./verify-archive.ts";

export interface InspectedSignature {
  readonly path: string;
  /** SHA-256 of the PEM text of the key that is said to have signed. */
  readonly keyHint: string | undefined;
  readonly statement: StatementDigest;
}

/** What a bundle says of itself. Nothing of it is verified but that it can be read. */
export interface InspectedBundle {
  readonly model: ModelJson;
  /** Of the signatures; where there is none, what signing would give. */
  readonly statement: StatementDigest;
  readonly signatures: readonly InspectedSignature[];
  readonly files: readonly { readonly path: string; readonly sizeBytes: number; readonly sha256: string }[];
  readonly goldenCases: readonly string[];
  /** As `ferry bundle build` writes it. */
  readonly archive: ArchiveRef;
}

/** Throws BundleRefused where the bundle cannot be read. */
export async function inspectBundle({ stream }: BundleSource): Promise<InspectedBundle> {
  const digests = new ArchiveDigests();
  const { files, signatureFiles, modelJson } = await readArchive(digesting(stream(), digests));
  const model = readModelJson(modelJson);
  const signatures = asMalformed(() => [...signatureFiles].map(([path, bytes]) => inspectSignature(path, bytes)));
  return {
    model,
    statement: signatures[0]?.statement ?? statementDigest(modelStatement(`${model.name}-${model.version}`, files)),
    signatures,
    files: [...files].map(([path, { sizeBytes, sha256 }]) => ({ path, sizeBytes, sha256 })),
    goldenCases: model.golden === undefined ? [] : await goldenCases(stream(), model.golden),
    archive: digests.finish().archive,
  };
}

function inspectSignature(path: string, bytes: Uint8Array): InspectedSignature {
  const { keyHint, envelope } = openSignatureFile(bytes);
  return { path, keyHint, statement: statementDigest(envelope.payload) };
}

async function goldenCases(stream: AsyncIterable<Uint8Array>, path: string): Promise<string[]> {
  for await (const entry of archiveEntries(stream)) {
    if (entry.name !== path) continue;
    const bytes = await readEntry(entry, GOLDEN_JSON_BYTES_MAX);
    return asMalformed(() => parseGoldenSet(bytes)).cases.map(({ name }) => name);
  }
  throw new BundleRefused("bundle-malformed", `The bundle has no ${path}`);
}

function asMalformed<T>(read: () => T): T {
  try {
    return read();
  } catch (thrown) {
    if (!(thrown instanceof ProtocolError)) throw thrown;
    throw new BundleRefused("bundle-malformed", `The bundle's ${thrown.message}`, { cause: thrown });
  }
}
