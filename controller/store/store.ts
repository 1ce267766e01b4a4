import { Kysely, SqliteDialect, type Transaction } from "kysely";
import { Migrator } from "kysely/migration";
import { messageOf, FerryError } from "../../common/ferry-error.ts";
import { openSqlite } from "../../common/sqlite.ts";
import { withKeptStatements } from "./kept-statements.ts";
import { MIGRATIONS } from "./migrations.ts";
import type { Tables } from "./tables.ts";

export type Store = Kysely<Tables>;
export type StoreTransaction = Transaction<Tables>;
/** What is to be stored together with a change, or not at all: called last, in the change's own transaction. */
export type InTransaction = (trx: StoreTransaction) => Promise<void>;
/** For a change that nothing goes with. */
export const NOTHING_ELSE: InTransaction = () => Promise.resolve();

export interface OpenedStore extends AsyncDisposable {
  readonly store: Store;
  /** Where the former database was moved, when it was damaged. */
  readonly damagedFile: string | undefined;
}

/** The controller's database: what it acknowledged to a device survives a power cut. Throws FerryError. */
export async function openStore(path: string): Promise<OpenedStore> {
  const { database, damagedFile } = openSqlite(path, { migrations: [], durability: "full" });
  const store = new Kysely<Tables>({ dialect: new SqliteDialect({ database: withKeptStatements(database) }) });
  const migrator = new Migrator({ db: store, provider: { getMigrations: () => Promise.resolve({ ...MIGRATIONS }) } });
  const { error } = await migrator.migrateToLatest();
  if (error !== undefined) {
    await store.destroy();
    throw new FerryError("database-unavailable", `Cannot bring the database ${path} up to date: ${messageOf(error)}`, {
      hint: "If a newer version of Modelferry wrote it, run that version; otherwise restore a backup.",
      cause: error,
    });
  }
  return { store, damagedFile, [Symbol.asyncDispose]: () => store.destroy() };
}
