import Database from "better-sqlite3";
import { existsSync, mkdirSync, renameSync } from "node:fs";
import { dirname } from "node:path";
import { FerryError, messageOf, systemCodeOf } from "./ferry-error.ts";

export type Sqlite = Database.Database;

/** One numbered step of a schema; steps are added at the end and never edited. */
export type Migration = string;

export interface OpenSqliteOptions {
  readonly migrations: readonly Migration[];
  /**
   * `full`: a committed transaction survives a power cut. `normal`: the last ones may be lost, the file never breaks.
   */
  readonly durability: "full" | "normal";
  /** It was found damaged while it was in use: moved aside, whatever a look at it says. */
  readonly isKnownDamaged?: boolean;
}

export interface OpenedSqlite {
  readonly database: Sqlite;
  /** Where the former file was moved, when it was damaged and a new one had to be begun. */
  readonly damagedFile: string | undefined;
}

/**
 * Opens (or makes) a database in WAL mode and brings its schema up to date. A damaged file is moved aside, never
 * deleted, and a new one is begun: the caller decides what that means and tells people. Throws FerryError.
 */
export function openSqlite(path: string, options: OpenSqliteOptions): OpenedSqlite {
  mkdirSync(dirname(path), { recursive: true });
  try {
    if (options.isKnownDamaged === true) throw new DamagedDatabase(path);
    return { database: openSound(path, options), damagedFile: undefined };
  } catch (cause) {
    if (!isDamage(cause)) throw cannotOpen(path, cause);
    const damagedFile = moveAside(path);
    return { database: openSound(path, options), damagedFile };
  }
}

/** For what can still be read of a damaged file; changes nothing in it. Throws what SQLite says. */
export function openReadOnly(path: string): Sqlite {
  return new Database(path, { readonly: true });
}

function openSound(path: string, { migrations, durability }: OpenSqliteOptions): Sqlite {
  const database = new Database(path);
  try {
    database.pragma("journal_mode = WAL");
    database.pragma(`synchronous = ${durability.toUpperCase()}`);
    database.pragma("foreign_keys = ON");
    // Another process (a backup, a curious person) may hold the lock for a moment.
    database.pragma("busy_timeout = 5000");
    const verdict = database.pragma("quick_check(1)", { simple: true });
    if (verdict !== "ok") throw new DamagedDatabase(String(verdict));
    migrate(database, path, migrations);
    return database;
  } catch (thrown) {
    database.close();
    throw thrown;
  }
}

function migrate(database: Sqlite, path: string, migrations: readonly Migration[]): void {
  const version = Number(database.pragma("user_version", { simple: true }));
  if (version > migrations.length) {
    throw new FerryError(
      "database-newer",
      `${path} was written by a newer version of this program (schema ${version}, this one knows ${migrations.length})`,
      {
        hint: "Install the newer version again, or move the file away to start empty.",
      },
    );
  }
  database.transaction(() => {
    for (const step of migrations.slice(version)) database.exec(step);
    database.pragma(`user_version = ${String(migrations.length)}`);
  })();
}

class DamagedDatabase extends Error {}

/** Whether SQLite found what no correct file holds. */
export function isDamage(thrown: unknown): boolean {
  const code = systemCodeOf(thrown) ?? "";
  return thrown instanceof DamagedDatabase || code.startsWith("SQLITE_CORRUPT") || code === "SQLITE_NOTADB";
}

/** The damaged file and its journal keep their bytes for whoever wants to repair them. */
function moveAside(path: string): string {
  const damagedFile = `${path}.damaged-${new Date().toISOString().replaceAll(":", "-")}`;
  for (const suffix of ["", "-wal", "-shm"]) {
    if (existsSync(path + suffix)) renameSync(path + suffix, damagedFile + suffix);
  }
  return damagedFile;
}

function cannotOpen(path: string, cause: unknown): FerryError {
  if (cause instanceof FerryError) return cause;
  return new FerryError("database-unavailable", `Cannot open the database ${path}: ${messageOf(cause)}`, {
    hint: "Check that the folder exists, belongs to this user and has free space.",
    cause,
  });
}
