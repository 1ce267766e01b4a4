import Database from "better-sqlite3";
import t from "tap";
import { withKeptStatements } from "../../../controller/store/kept-statements.ts";

t.test("a statement is compiled once, whatever it is asked with", async (t) => {
  const database = withKeptStatements(new Database(":memory:"));
  database.prepare("CREATE TABLE words (word TEXT)").run([]);
  const insert = database.prepare("INSERT INTO words VALUES (?)");
  insert.run(["one"]);
  t.equal(database.prepare("INSERT INTO words VALUES (?)"), insert);
  insert.run(["two"]);
  t.same(database.prepare("SELECT word FROM words ORDER BY word").all([]), [{ word: "one" }, { word: "two" }]);
  database.close();
});

t.test("a statement that is kept sees a column that came after it", async (t) => {
  const database = withKeptStatements(new Database(":memory:"));
  database.prepare("CREATE TABLE words (word TEXT)").run([]);
  database.prepare("INSERT INTO words VALUES (?)").run(["one"]);
  t.same(database.prepare("SELECT * FROM words").all([]), [{ word: "one" }]);
  database.prepare("ALTER TABLE words ADD COLUMN length INTEGER DEFAULT 3").run([]);
  t.same(database.prepare("SELECT * FROM words").all([]), [{ word: "one", length: 3 }]);
  database.close();
});

t.test("those used least lately go, and long ones are not kept", async (t) => {
  const database = withKeptStatements(new Database(":memory:"));
  const first = database.prepare("SELECT 0");
  const second = database.prepare("SELECT 1");
  for (let n = 2; n < 100; n += 1) database.prepare(`SELECT ${String(n)}`);
  t.equal(database.prepare("SELECT 0"), first);
  database.prepare("SELECT 100");
  t.equal(database.prepare("SELECT 0"), first);
  t.not(database.prepare("SELECT 1"), second);
  const long = `SELECT 1 IN (${Array.from({ length: 5_000 }, () => "1").join(",")})`;
  t.not(database.prepare(long), database.prepare(long));
  database.close();
});
