import type { SqliteDatabase, SqliteStatement } from "kysely";
import type { Sqlite } from "../../common/sqlite.ts";

/**
 * Compiling a statement takes SQLite longer than running it: an INSERT of 100 rows 200 µs. A statement that was used
 * lately is kept; the one that was not used for the longest goes. The controller has about 300 different ones, of which
 * the busy ones are a tenth.
 */
const KEPT_MAX = 100;
/** Longer ones, with a list of parameters of any length, hardly come twice, and each would take up to a megabyte. */
const KEPT_CHARS_MAX = 8_192;

/** A database as kysely wants it. It runs one statement at a time, so nobody finds a kept one in use. */
export function withKeptStatements(database: Sqlite): SqliteDatabase {
  /** By their text; the one used last stands last. */
  const kept = new Map<string, SqliteStatement>();
  return {
    close: () => {
      kept.clear();
      database.close();
    },
    prepare: (sql) => {
      const known = kept.get(sql);
      if (known !== undefined) {
        kept.delete(sql);
        kept.set(sql, known);
        return known;
      }
      const statement = database.prepare(sql);
      if (sql.length > KEPT_CHARS_MAX) return statement;
      const [oldest] = kept.keys();
      if (kept.size >= KEPT_MAX && oldest !== undefined) kept.delete(oldest);
      kept.set(sql, statement);
      return statement;
    },
  };
}
