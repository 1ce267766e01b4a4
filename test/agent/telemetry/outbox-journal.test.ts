import t from "tap";
import { openJournal } from "../../../agent/telemetry/outbox-journal.ts";
import { OUTBOX_MIGRATIONS, type NewRecord } from "../../../agent/telemetry/outbox-tables.ts";
import { systemClock } from "../../../common/clock.ts";
import { openSqlite, type Sqlite } from "../../../common/sqlite.ts";

const record = (n: number): NewRecord => ({
  kind: "health",
  at_ms: n,
  boot_ms: n,
  rank: 0,
  fields: JSON.stringify({ text: "x".repeat(400) }),
});
const records = (count: number) => Array.from({ length: count }, (_, n) => record(n));

function open(path: string) {
  const { database } = openSqlite(path, { migrations: OUTBOX_MIGRATIONS, durability: "normal" });
  return {
    database,
    journal: openJournal(database, { clock: systemClock, capBytes: 2 ** 26, bootId: "boot-1", bootMs: () => 0 }),
  };
}

const countOf = (database: Sqlite) => database.prepare("SELECT count(*) FROM records").pluck().get();

t.test("a transaction that fails gives no number away", async (t) => {
  const { database, journal } = open(`${t.testdir({})}/outbox.db`);
  journal.write(records(10), []);
  const pages = Number(database.pragma("page_count", { simple: true }));
  database.pragma(`max_page_count = ${pages + 2}`);
  t.throws(
    () => {
      journal.write(records(1_000), []);
    },
    { code: "SQLITE_FULL" },
  );
  t.match({ next: journal.next, rows: countOf(database) }, { next: 10, rows: 10 });
  t.throws(
    () => {
      for (let n = 0; n < 100; n += 1) journal.beginStream();
    },
    { code: "SQLITE_FULL" },
  );
  const streams = journal.streams.length;
  database.pragma("max_page_count = 100000");
  journal.write(records(3), [{ cause: "disk", count: 1_000, fromMs: 0, toMs: 9 }]);
  t.equal(journal.streams.length, streams);
  t.equal(countOf(database), journal.next - 1_000, "only what was declared has no record");
  database.close();
});

t.test("a claim is on the disk before it counts, and bounds what an overflow may drop", async (t) => {
  const path = `${t.testdir({})}/outbox.db`;
  const { database, journal } = open(path);
  journal.write(records(2_000), []);
  const [stream] = journal.streams;
  if (stream === undefined) throw new Error("a journal has a stream");
  journal.claim(stream, 500);
  t.match(journal.streams, [{ claimed: 1_000 }], "a thousand at once, so that a backlog costs few fsyncs");
  const other = open(path);
  t.match(other.journal.streams, [{ claimed: 1_000 }]);
  other.database.close();
  journal.claim({ ...stream, claimed: 1_000 }, 1_900);
  t.match(journal.streams, [{ claimed: 2_000 }]);
  database.close();
});

t.test("the disk is asked once for many records", async (t) => {
  const { database, journal } = open(`${t.testdir({})}/outbox.db`);
  const isFull = () => database.pragma("synchronous", { simple: true }) === 2;
  let synced = 0;
  for (let n = 0; n < 512; n += 1) {
    journal.write([record(n)], []);
    if (isFull()) synced += 1;
  }
  t.ok(synced >= 2 && synced <= 4, `${synced} of 512 transactions waited for the disk`);
  database.close();
});
