/** What is known of the version of the agent that runs, beside its directory: which bundle it is, and its evidence. */
import { readFile } from "node:fs/promises";
import { Type, type Static } from "typebox";
import { parseModelJson } from "../../protocol/bundle/model-json.ts";
import { StatementDigest } from "../../protocol/ids.ts";
import { MODEL_JSON_BYTES_MAX } from "../../protocol/limits.ts";
import { closedObject, gate, parseJson } from "../../protocol/schema.ts";
import { Evidence } from "../../protocol/trust/evidence.ts";
import type { ServedSlot } from "../inference/inference-engine.ts";
import { writeFileDurably } from "../store/durable-file.ts";

const VersionRecord = closedObject({
  statement: StatementDigest,
  /** The bundle's `model.json`, as it was verified. */
  model: Type.Unknown(),
  evidence: Evidence,
  sinceMs: Type.Number(),
});
type VersionRecord = Static<typeof VersionRecord>;

const check = gate("record of a version", VersionRecord);

export type KnownVersion = Pick<ServedSlot, "bundle" | "evidence" | "sinceMs">;

/** Undefined where it came by no bundle, or never got well. */
export async function readVersionRecord(path: string, directory: string): Promise<KnownVersion | undefined> {
  try {
    const bytes = await readFile(path);
    const { statement, model, evidence, sinceMs } = parseJson(
      "record of a version",
      bytes,
      MODEL_JSON_BYTES_MAX,
      check,
    );
    const description = parseModelJson(Buffer.from(JSON.stringify(model)));
    return { bundle: { directory, statement, model: description }, evidence, sinceMs };
  } catch {
    return undefined;
  }
}

export async function writeVersionRecord(path: string, { bundle, evidence, sinceMs }: KnownVersion): Promise<void> {
  const record: VersionRecord = { statement: bundle.statement, model: bundle.model, evidence, sinceMs };
  await writeFileDurably(path, `${JSON.stringify(record)}\n`);
}
