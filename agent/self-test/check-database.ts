import { mkdtemp, rm } from "node:fs/promises";
import { join } from "node:path";
import { openSqlite } from "../../common/sqlite.ts";

export interface DatabaseFigures {
  /** Version of SQLite. */
  readonly sqlite: string;
  readonly journal: string;
}

const MIGRATIONS = ["CREATE TABLE said (word TEXT NOT NULL) STRICT"];
const WORD = "still there";

/** Writes a database in a new folder below `directory`, closes it, reads it again. Throws FerryError, or what SQLite says. */
export async function checkDatabase(directory: string): Promise<DatabaseFigures> {
  const folder = await mkdtemp(join(directory, "ferry-self-test-"));
  try {
    const path = join(folder, "self-test.db");
    const { database: written } = openSqlite(path, { migrations: MIGRATIONS, durability: "full" });
    written.prepare("INSERT INTO said (word) VALUES (?)").run(WORD);
    written.close();
    const { database: read } = openSqlite(path, { migrations: MIGRATIONS, durability: "full" });
    try {
      const word = read.prepare("SELECT word FROM said").pluck().get();
      if (word !== WORD) throw new Error(`a database in ${directory} does not keep what is written into it`);
      return {
        sqlite: String(read.prepare("SELECT sqlite_version()").pluck().get()),
        journal: String(read.pragma("journal_mode", { simple: true })),
      };
    } finally {
      read.close();
    }
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
