import t from "tap";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { openSqlite } from "../../common/sqlite.ts";

const options = { migrations: ["create table notes (text text) strict"], durability: "full" } as const;

t.test("migrations run once, in order, and later ones are added to what is there", async (t) => {
  const path = join(t.testdir(), "deep", "state.db");
  const first = openSqlite(path, options);
  first.database.prepare("insert into notes values (?)").run("kept");
  first.database.close();
  const second = openSqlite(path, {
    ...options,
    migrations: [...options.migrations, "alter table notes add column at integer"],
  });
  t.same(second.database.prepare("select * from notes").all(), [{ text: "kept", at: null }]);
  t.equal(second.damagedFile, undefined);
  second.database.close();
});

t.test("a database of a newer version is left alone, and the message says so", async (t) => {
  const path = join(t.testdir(), "state.db");
  openSqlite(path, { ...options, migrations: [...options.migrations, "select 1", "select 2"] }).database.close();
  t.throws(() => openSqlite(path, options), { code: "database-newer", hint: /newer version/ });
});

const damages: readonly { readonly what: string; readonly damage: (path: string) => void }[] = [
  {
    what: "overwritten from the start",
    damage: (path) => {
      writeFileSync(path, Buffer.alloc(20_000, "x"));
    },
  },
  {
    what: "with a page in the middle gone bad",
    damage: (path) => {
      const bytes = readFileSync(path);
      bytes.fill(0xff, 4_096, 3 * 4_096);
      writeFileSync(path, bytes);
    },
  },
];

for (const { what, damage } of damages) {
  t.test(`a file ${what} is moved aside with its bytes, and a new one is begun`, async (t) => {
    const path = join(t.testdir(), "state.db");
    const { database } = openSqlite(path, options);
    const insert = database.prepare("insert into notes values (?)");
    for (let at = 0; at < 2_000; at += 1) insert.run(`note ${String(at)}`);
    database.close();
    damage(path);
    const damagedBytes = readFileSync(path);

    const opened = openSqlite(path, options);
    const { damagedFile = "" } = opened;
    t.ok(existsSync(damagedFile), "the damaged file is still there");
    t.ok(readFileSync(damagedFile).equals(damagedBytes), "byte for byte");
    t.same(opened.database.prepare("select count(*) as n from notes").get(), { n: 0 });
    opened.database.close();
  });
}

t.test("a folder that cannot hold a database gets an error that names the path and what to check", async (t) => {
  const folder = t.testdir({ "state.db": {} });
  t.throws(() => openSqlite(join(folder, "state.db"), options), {
    code: "database-unavailable",
    message: /state\.db/,
    hint: /folder/,
  });
});
