/** The bundles that the controller can send, as rows; their archives lie on the shelf. */
import { EXIT, FerryError } from "../../common/ferry-error.ts";
import { parseModelJson, type ModelJson } from "../../protocol/bundle/model-json.ts";
import type { ModelName, ModelVersion, StatementDigest } from "../../protocol/ids.ts";
import type { ArchiveRef, DeployedSlot } from "../../protocol/trust/deployment.ts";
import { NOTHING_ELSE, type InTransaction, type Store } from "./store.ts";
import type { BundleRow } from "./tables.ts";

export interface CatalogueEntry {
  readonly statement: StatementDigest;
  readonly model: ModelJson;
  readonly archive: ArchiveRef;
  readonly pushedMs: number;
}

/** Bundles at most; a selection of them is held in memory while a rollout is planned. */
const BUNDLES_MAX = 10_000;

export type Registration = "added" | "already-there";

/** The same bundle again changes nothing. Throws `version-taken` where another bundle has this name and version. */
export async function registerBundle(
  store: Store,
  entry: CatalogueEntry,
  also: InTransaction = NOTHING_ELSE,
): Promise<Registration> {
  const { name, version } = entry.model;
  return store.transaction().execute(async (trx): Promise<Registration> => {
    const same = await trx
      .selectFrom("bundles")
      .select("statement")
      .where("name", "=", name)
      .where("version", "=", version)
      .executeTakeFirst();
    if (same?.statement === entry.statement) return "already-there";
    if (same !== undefined) {
      throw new FerryError(
        "version-taken",
        `${name}@${version} is in the catalogue already, with other content (${same.statement.slice(0, 16)}…, not ${entry.statement.slice(0, 16)}…)`,
        {
          hint: "Give the bundle another version in model.json, build, sign and push it again.",
          exitCode: EXIT.conflict,
        },
      );
    }
    const { count } = await trx
      .selectFrom("bundles")
      .select(({ fn }) => fn.countAll<number>().as("count"))
      .executeTakeFirstOrThrow();
    if (count >= BUNDLES_MAX) {
      throw new FerryError("catalogue-full", `The catalogue holds ${count} bundles, the most it takes`);
    }
    await trx
      .insertInto("bundles")
      .values({
        statement: entry.statement,
        name,
        version,
        archive_sha256: entry.archive.sha256,
        archive_length: entry.archive.length,
        chunk_list_sha256: entry.archive.chunkList,
        model_json: JSON.stringify(entry.model),
        pushed_ms: entry.pushedMs,
      })
      .execute();
    await also(trx);
    return "added";
  });
}

/** Newest first. */
export async function listBundles(store: Store): Promise<CatalogueEntry[]> {
  const rows = await store
    .selectFrom("bundles")
    .selectAll()
    .orderBy("pushed_ms", "desc")
    .orderBy("version", "desc")
    .execute();
  return rows.map(entryFrom);
}

export async function bundlesOf(store: Store, name: ModelName): Promise<CatalogueEntry[]> {
  const rows = await store
    .selectFrom("bundles")
    .selectAll()
    .where("name", "=", name)
    .orderBy("pushed_ms", "desc")
    .orderBy("version", "desc")
    .execute();
  return rows.map(entryFrom);
}

export async function bundleByStatement(store: Store, statement: string): Promise<CatalogueEntry | undefined> {
  const row = await store
    .selectFrom("bundles")
    .selectAll()
    .where("statement", "=", statement as StatementDigest)
    .executeTakeFirst();
  return row === undefined ? undefined : entryFrom(row);
}

/** By `NAME@VERSION`. Throws `not-found` with what there is. */
export async function bundleByLabel(store: Store, name: ModelName, version: ModelVersion): Promise<CatalogueEntry> {
  const versions = await bundlesOf(store, name);
  const found = versions.find((entry) => entry.model.version === version);
  if (found !== undefined) return found;
  const there = versions.map((entry) => entry.model.version).join(", ");
  throw new FerryError(
    "not-found",
    there === ""
      ? `The catalogue has no bundle of ${name}`
      : `The catalogue has no ${name}@${version}; it has the versions ${there}`,
    { hint: "See what there is with `ferry bundle list`; add one with `ferry bundle push`.", exitCode: EXIT.notFound },
  );
}

/** How a deployment names this bundle, in the slot of its model's name. */
export function slotOf({ model, statement, archive }: CatalogueEntry): DeployedSlot {
  return { slot: model.name, model: model.name, version: model.version, statement, archive };
}

function entryFrom(row: BundleRow): CatalogueEntry {
  return {
    statement: row.statement,
    model: parseModelJson(Buffer.from(row.model_json)),
    archive: { sha256: row.archive_sha256, length: row.archive_length, chunkList: row.chunk_list_sha256 },
    pushedMs: row.pushed_ms,
  };
}
