import t from "tap";
import { Kysely, SqliteDialect } from "kysely";
import { Migrator } from "kysely/migration";
import { join } from "node:path";
import { openSqlite } from "../../../common/sqlite.ts";
import { MIGRATIONS } from "../../../controller/store/migrations.ts";
import { openStore } from "../../../controller/store/store.ts";
import type { Tables } from "../../../controller/store/tables.ts";

const stream = "a".repeat(32);
const lost = "b".repeat(32);

/** A database as the version left it that knew no later migration than this one. */
async function storeAt(path: string, migration: string, statements: readonly string[]): Promise<void> {
  const { database } = openSqlite(path, { migrations: [], durability: "full" });
  const store = new Kysely<Tables>({ dialect: new SqliteDialect({ database }) });
  const migrator = new Migrator({ db: store, provider: { getMigrations: () => Promise.resolve({ ...MIGRATIONS }) } });
  await migrator.migrateTo(migration);
  for (const statement of statements) database.exec(statement);
  await store.destroy();
}

t.test("the counts of telemetry streams are made from the records that are there", async (t) => {
  const path = join(t.testdir(), "controller.db");
  const row = (of: string, seq: number, kind: string, fields: unknown) =>
    `INSERT INTO telemetry VALUES ('d1', '${of}', ${seq}, 1, 1, '${kind}', 0, '${JSON.stringify(fields)}')`;
  await storeAt(path, "0010-deliveries", [
    `INSERT INTO streams VALUES ('d1', '${stream}', 20, 1, 1), ('d1', '${lost}', 3, 0, 0), ('d2', '${lost}', 0, 0, 0)`,
    row(stream, 0, "health", { cpuPercent: 1 }),
    row(stream, 1, "gap", { cause: "capacity", count: 4, firstSeq: 2, lastSeq: 5 }),
    row(stream, 6, "gap", { cause: "controller-lost", count: 2, firstSeq: 6, lastSeq: 7 }),
    row(stream, 8, "gap", { cause: "disk", stream: lost, count: 3 }),
    row(stream, 9, "gap", { cause: "database-damaged", stream: lost }),
    row(stream, 10, "gap", { cause: "database-damaged" }),
    row(stream, 11, "gap", { cause: "no cause that is known", count: 99 }),
  ]);
  await using opened = await openStore(path);
  t.match(await opened.store.selectFrom("streams").selectAll().orderBy("device").orderBy("stream").execute(), [
    { device: "d1", stream, next: 20, received: 6, declared: 6, lost_here: 1, loss_unknown: 0, expired: 0 },
    { device: "d1", stream: lost, received: 0, declared: 3, lost_here: 0, loss_unknown: 1 },
    { device: "d2", stream: lost, received: 0, declared: 0, loss_unknown: 0 },
  ]);
});
