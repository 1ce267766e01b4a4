/** Bundles put together by hand, so that each of their parts can be wrong while all others are right. */
import { readdirSync, readFileSync } from "node:fs";
import { SIGNATURE_FOLDER } from "../../protocol/bundle/bundle-path.ts";
import type { ModelName, ModelVersion, StatementDigest } from "../../protocol/ids.ts";
import type { DeployedSlot } from "../../protocol/trust/deployment.ts";
import { sha256 } from "../../protocol/trust/digest.ts";
import type { Signer } from "../../protocol/trust/keys.ts";
import { modelStatement, statementDigest } from "../../protocol/trust/model-statement.ts";
import { signStatement } from "../../protocol/trust/signature-file.ts";
import { tarOf } from "./bundles.ts";

/** Names and bytes, signatures included; plain, so that it can be sent from one process to another. */
export type Files = ReadonlyMap<string, Uint8Array>;

export interface ForgedBundle {
  readonly slot: Omit<DeployedSlot, "archive">;
  readonly files: Files;
}

/** The files of an example, with some fields of `model.json` changed and files added or replaced. */
export function digitsFiles(version: "1.0.0" | "1.1.0", description: object = {}, others: Files = new Map()): Files {
  const folder = new URL(`../../examples/digits/v${version}/`, import.meta.url);
  const files = new Map<string, Uint8Array>(
    readdirSync(folder).map((name) => [name, readFileSync(new URL(name, folder))]),
  );
  const said = JSON.parse(Buffer.from(files.get("model.json") ?? []).toString()) as object;
  files.set("model.json", Buffer.from(JSON.stringify({ ...said, ...description })));
  for (const [name, bytes] of others) files.set(name, bytes);
  return files;
}

/** Signed whatever it is: nothing is checked. Deployed under the names that its `model.json` gives, and not watched. */
export async function signedBundle(files: Files, signers: readonly Signer[]): Promise<ForgedBundle> {
  const unsigned = [...files].filter(([name]) => !name.startsWith(`${SIGNATURE_FOLDER}/`));
  const listing = new Map(unsigned.map(([name, bytes]) => [name, { sha256: sha256(bytes) }]));
  const said = JSON.parse(Buffer.from(files.get("model.json") ?? []).toString()) as { name: string; version: string };
  const payload = modelStatement(`${said.name}-${said.version}`, listing);
  const all = new Map(unsigned);
  for (const signer of signers) {
    all.set(`${SIGNATURE_FOLDER}/${signer.publicKey.hint}.sig`, await signStatement(payload, signer));
  }
  const model = said.name as ModelName;
  const statement: StatementDigest = statementDigest(payload);
  const slot = { slot: model, model, version: said.version as ModelVersion, statement, soakMs: 0 };
  return { slot, files: all };
}

export function archiveOf(files: Files): Promise<Buffer> {
  return tarOf(...[...files].map(([name, content]) => ({ name, content })));
}
