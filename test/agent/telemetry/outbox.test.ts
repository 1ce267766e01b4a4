import { copyFile, readdir, readFile, writeFile } from "node:fs/promises";
import t from "tap";
import { openOutbox, type Outbox, type OutboxOptions } from "../../../agent/telemetry/outbox.ts";
import { OUTBOX_MIGRATIONS } from "../../../agent/telemetry/outbox-tables.ts";
import { systemClock } from "../../../common/clock.ts";
import { openSqlite } from "../../../common/sqlite.ts";
import type { TelemetryRecord } from "../../../protocol/messages/telemetry-batch.ts";
import { quietLog } from "../../support/telemetry-pipe.ts";

const options: OutboxOptions = { clock: systemClock, log: quietLog, bootId: "boot-1" };
const limits = { recordsMax: 500, bytesMax: 144_000 };

/** Everything in the current stream, as batches would carry it. */
function allRecords(outbox: Outbox): readonly TelemetryRecord[] {
  const records: TelemetryRecord[] = [];
  let from = outbox.produced - outbox.pending;
  for (;;) {
    const range = outbox.read(outbox.stream, from, limits);
    if (range === undefined) return records;
    records.push(...range.records);
    from = range.next;
  }
}

const gapsOf = (outbox: Outbox) => allRecords(outbox).filter((record) => record.kind === "gap");

t.test("records come back in order, with ascending numbers, also after a restart", async (t) => {
  const path = `${t.testdir({})}/outbox.db`;
  let stream;
  {
    await using outbox = openOutbox(path, options);
    stream = outbox.stream;
    for (let n = 0; n < 3; n += 1) outbox.append("health", { n, unknown: null, hot: n > 1 });
  }
  await using outbox = openOutbox(path, { ...options, bootId: "boot-2" });
  outbox.append("event", { event: "agent-started" });
  outbox.flush();
  t.equal(outbox.stream, stream);
  t.match(allRecords(outbox), [
    { seq: 0, kind: "health", fields: { n: 0, hot: false } },
    { seq: 1, fields: { n: 1 } },
    { seq: 2, fields: { n: 2, hot: true } },
    { seq: 3, kind: "event", fields: { event: "agent-started" } },
  ]);
  t.match({ produced: outbox.produced, pending: outbox.pending }, { produced: 4, pending: 4 });
});

t.test("an acknowledgement of what was never sent, or of another's stream, forgets nothing", async (t) => {
  await using outbox = openOutbox(`${t.testdir({})}/outbox.db`, options);
  for (let n = 0; n < 10; n += 1) outbox.append("health", { n });
  outbox.flush();
  t.equal(outbox.forgetThrough(outbox.stream, 10), "never-sent");
  t.equal(outbox.forgetThrough("0".repeat(32) as typeof outbox.stream, 10), "unknown-stream");
  outbox.read(outbox.stream, 0, limits);
  t.equal(outbox.forgetThrough(outbox.stream, 4), "forgotten");
  t.equal(outbox.forgetThrough(outbox.stream, 2), "forgotten", "an older one changes nothing");
  t.equal(outbox.forgetThrough(outbox.stream, 11), "never-sent");
  t.match(outbox.read(outbox.stream, 4, limits), { acked: 4, from: 4, next: 10, records: { length: 6 } });
});

t.test("a power cut takes the last records, and their numbers are declared and not used again", async (t) => {
  const path = `${t.testdir({})}/outbox.db`;
  const copies = ["crashed", "cut"].map((name) => path.replace("outbox.db", `${name}.db`));
  await using outbox = openOutbox(path, options);
  for (let n = 0; n < 5; n += 1) outbox.append("health", { n });
  outbox.flush();
  // Before a number leaves the device it is on the disk: this is what the disk has.
  outbox.read(outbox.stream, 0, limits);
  for (const copy of copies) for (const suffix of ["", "-wal"]) await copyFile(path + suffix, copy + suffix);
  for (let n = 5; n < 105; n += 1) outbox.append("health", { n });
  outbox.flush();

  const [crashed = "", cut = ""] = copies;
  await using afterCrash = openOutbox(crashed, options);
  t.match(allRecords(afterCrash), { length: 5 }, "a crash of the agent alone takes nothing, and nothing is declared");
  await using afterCut = openOutbox(cut, { ...options, bootId: "boot-2" });
  const [gap] = gapsOf(afterCut);
  t.match(gap?.fields, { cause: "power-cut", firstSeq: 5 });
  const { count, lastSeq } = gap?.fields ?? {};
  t.ok(Number(count) >= 100 && Number(count) <= 256, `${String(count)} numbers had been set aside for the 100 records`);
  t.match({ lastSeq, seq: gap?.seq }, { lastSeq: 4 + Number(count), seq: 5 + Number(count) });
  t.equal(afterCut.produced, 6 + Number(count));
});

/** A clock that a test moves. */
function movingClock(startMs = Date.UTC(2026, 10, 28)) {
  const time = { nowMs: startMs };
  return { time, clock: { ...systemClock, nowMs: () => time.nowMs } };
}

const countIn = (gaps: readonly TelemetryRecord[], cause: string) =>
  gaps.filter(({ fields }) => fields["cause"] === cause).reduce((sum, { fields }) => sum + Number(fields["count"]), 0);

t.test("over its cap it first tells measurements less finely: no event and no measurement is lost", async (t) => {
  const { time, clock } = movingClock();
  const capBytes = 1024 ** 2;
  await using outbox = openOutbox(`${t.testdir({})}/outbox.db`, { ...options, clock, capBytes });
  const count = 8_000;
  for (let n = 0; n < count; n += 1) {
    time.nowMs += 30_000;
    if (n % 100 === 0) outbox.append("event", { event: "swapped", n });
    else outbox.append("health", Object.fromEntries(Array.from({ length: 12 }, (_, at) => [`field${at}`, n + at])));
    if (n % 20 === 0) outbox.flush();
  }
  outbox.flush();
  const records = allRecords(outbox);
  const gaps = records.filter(({ kind }) => kind === "gap");
  t.match(gaps, [{ fields: { cause: "rolled-up" } }], "an outage that lasts has one gap record");
  t.equal(countIn(gaps, "rolled-up") + records.length, outbox.produced, "each number is held or declared");
  t.equal(records.filter(({ kind }) => kind === "event").length, 80, "every event is there");
  const health = records.filter(({ kind }) => kind === "health");
  const measured = health.map(({ fields }) => Number(fields["records"] ?? 1));
  t.equal(
    measured.reduce((sum, one) => sum + one, 0),
    count - 80,
    "every measurement is in one record",
  );
  t.equal(Math.max(...measured), 119, "the oldest are told by the hour");
  t.ok((measured.at(-1) ?? 0) <= 2, "the newest as they were measured");
  const mean = health.reduce((sum, { fields }, at) => sum + Number(fields["field0"]) * (measured[at] ?? 0), 0);
  const sum = Array.from({ length: count }, (_, n) => (n % 100 === 0 ? 0 : n)).reduce((total, n) => total + n, 0);
  t.equal(Math.round(mean), sum, "and the mean over all is what it was");
});

t.test("what cannot be told less finely is dropped, measurements before events, the oldest first", async (t) => {
  await using outbox = openOutbox(`${t.testdir({})}/outbox.db`, { ...options, capBytes: 1024 ** 2 });
  const text = "x".repeat(500);
  for (let n = 0; n < 4_000; n += 1) {
    // Without a slot: nothing that such a record could be added to.
    outbox.append(n % 50 === 0 ? "event" : "inference", { n, text });
    if (n % 20 === 0) outbox.flush();
  }
  outbox.flush();
  const records = allRecords(outbox);
  const gaps = records.filter((record) => record.kind === "gap");
  t.equal(records.filter((record) => record.kind === "event").length, 80, "every event is there");
  t.equal(gaps.length, 1, "one outage, one gap record");
  const [fields] = gaps.map((gap) => gap.fields);
  t.equal(Number(fields?.["count"]) + records.length, outbox.produced, "each number is held or declared");
  const held = records.flatMap((record) => (record.kind === "gap" ? [] : [Number(record.fields["n"])]));
  const measured = held.filter((n) => n % 50 !== 0);
  const newest = Array.from({ length: 4_000 }, (_, n) => n).filter((n) => n % 50 !== 0);
  t.same(measured, newest.slice(-measured.length), "the newest measurements are left");
  t.match(fields, { cause: "capacity", firstSeq: 1 });
});

t.test("a gap tells of how many measurements the dropped numbers were, once these had been rolled up", async (t) => {
  const { time, clock } = movingClock();
  await using outbox = openOutbox(`${t.testdir({})}/outbox.db`, { ...options, clock, capBytes: 1024 ** 2 });
  for (let n = 0; n < 4_000; n += 1) {
    time.nowMs += 1_000;
    // Two records of each version, in one minute.
    const version = `${String(Math.floor(n / 2))}-${"x".repeat(50)}`;
    outbox.append("inference", { slot: "digits", version, intervalMs: 1_000, [`outcome.${"y".repeat(50)}`]: n });
    outbox.append("event", { event: "swapped", text: "z".repeat(300) });
    if (n % 20 === 0) outbox.flush();
  }
  outbox.flush();
  const records = allRecords(outbox);
  const gaps = records.filter(({ kind }) => kind === "gap");
  t.equal(countIn(gaps, "rolled-up") + countIn(gaps, "capacity") + records.length, outbox.produced);
  const [dropped] = gaps.filter(({ fields }) => fields["cause"] === "capacity");
  t.ok(Number(dropped?.fields["measurements"]) > Number(dropped?.fields["count"]));
});

t.test("a loop of crashes pushes out no evidence of which model ran", async (t) => {
  await using outbox = openOutbox(`${t.testdir({})}/outbox.db`, { ...options, capBytes: 1024 ** 2 });
  for (let n = 0; n < 3_000; n += 1) {
    outbox.append("event", n % 100 === 0 ? { event: "swapped", n } : { event: "runner-crashed", why: "w".repeat(700) });
    if (n % 20 === 0) outbox.flush();
  }
  outbox.flush();
  t.equal(allRecords(outbox).filter(({ fields }) => fields["event"] === "swapped").length, 30);
});

t.test("when there are only events, the oldest of them go", async (t) => {
  await using outbox = openOutbox(`${t.testdir({})}/outbox.db`, { ...options, capBytes: 1024 ** 2 });
  const text = "x".repeat(1_000);
  for (let n = 0; n < 2_000; n += 1) {
    outbox.append("event", { event: "swapped", text });
    if (n % 20 === 0) outbox.flush();
  }
  outbox.flush();
  const records = allRecords(outbox);
  const declared = gapsOf(outbox).reduce((sum, gap) => sum + Number(gap.fields["count"]), 0);
  t.ok(declared > 500);
  t.equal(declared + records.length, outbox.produced);
});

t.test("what may have been sent is not dropped, so that it cannot be both received and declared", async (t) => {
  await using outbox = openOutbox(`${t.testdir({})}/outbox.db`, { ...options, capBytes: 1024 ** 2 });
  const text = "x".repeat(500);
  for (let n = 0; n < 100; n += 1) outbox.append("health", { n, text });
  outbox.flush();
  const sent = outbox.read(outbox.stream, 0, limits)?.records.map((record) => record.seq);
  for (let n = 0; n < 4_000; n += 1) {
    outbox.append("health", { n, text });
    if (n % 20 === 0) outbox.flush();
  }
  t.same(
    outbox.read(outbox.stream, 0, { ...limits, recordsMax: 100 })?.records.map((record) => record.seq),
    sent,
  );
});

t.test("a damaged file is moved aside: another stream begins and says which one was lost", async (t) => {
  const directory = t.testdir({});
  const path = `${directory}/outbox.db`;
  const first = openOutbox(path, options);
  for (let n = 0; n < 2_000; n += 1) first.append("health", { n, text: "x".repeat(100) });
  const lost = first.stream;
  await first[Symbol.asyncDispose]();
  const bytes = await readFile(path);
  bytes.fill(0xff, 60_000, 120_000);
  await writeFile(path, bytes);
  await using outbox = openOutbox(path, options);
  t.not(outbox.stream, lost);
  t.match(allRecords(outbox), [
    { kind: "event", fields: { event: "database-damaged", file: /^outbox\.db\.damaged-/ } },
    { kind: "gap", fields: { cause: "database-damaged", stream: lost } },
  ]);
  t.equal((await readdir(directory)).filter((name) => /\.damaged-.*Z$/.test(name)).length, 1, "its bytes are kept");
});

t.test("a file that is damaged while it is in use is moved aside too, and recording goes on", async (t) => {
  const directory = t.testdir({});
  const path = `${directory}/outbox.db`;
  await using outbox = openOutbox(path, options);
  for (let n = 0; n < 2_000; n += 1) outbox.append("health", { n, text: "x".repeat(100) });
  outbox.flush();
  const lost = outbox.stream;
  const { database } = openSqlite(path, { migrations: OUTBOX_MIGRATIONS, durability: "normal" });
  database.pragma("wal_checkpoint(TRUNCATE)");
  const bytes = await readFile(path);
  bytes.fill(0xff, 60_000, 120_000);
  await writeFile(path, bytes);
  // Whoever has the file open reads it again after this.
  database.pragma(`user_version = ${OUTBOX_MIGRATIONS.length}`);
  database.close();
  t.equal(outbox.read(outbox.stream, 0, limits), undefined);
  outbox.append("health", { n: 2_000 });
  outbox.flush();
  t.not(outbox.stream, lost);
  t.match(allRecords(outbox), [
    { kind: "event", fields: { event: "database-damaged", file: /^outbox\.db\.damaged-/ } },
    { kind: "gap", fields: { cause: "database-damaged", stream: lost } },
    { kind: "health", fields: { n: 2_000 } },
  ]);
  t.equal((await readdir(directory)).filter((name) => /\.damaged-.*Z$/.test(name)).length, 1, "its bytes are kept");
});

t.test("a file that is no database at all leaves a gap of which nothing is known", async (t) => {
  const path = `${t.testdir({ "outbox.db": "not a database, and long enough to be looked at ".repeat(100) })}/outbox.db`;
  await using outbox = openOutbox(path, options);
  const [gap] = gapsOf(outbox);
  t.same(gap?.fields, { cause: "database-damaged" });
});

t.test("a clock that jumps changes nothing but the times", async (t) => {
  let nowMs = 1_800_000_000_000;
  const clock = { ...systemClock, nowMs: () => nowMs };
  await using outbox = openOutbox(`${t.testdir({})}/outbox.db`, { ...options, clock });
  const times = [1_800_000_000_000, 0, 4_000_000_000_000.4, -5];
  for (nowMs of times) outbox.append("health", {});
  outbox.flush();
  t.same(
    allRecords(outbox).map(({ seq, atMs }) => ({ seq, atMs })),
    times.map((atMs, seq) => ({ seq, atMs: Math.round(atMs) })),
  );
});

t.test(
  "what was measured in 1970, before the time was told, is dated right when it is sent; what came before the restart is not touched",
  async (t) => {
    const path = `${t.testdir({})}/outbox.db`;
    const machine = { nowMs: 5_000, bootMs: 5_000, trustedMs: undefined as number | undefined };
    const clock = { ...systemClock, nowMs: () => machine.nowMs };
    const times = { clock, bootMs: () => machine.bootMs, trustedNowMs: () => machine.trustedMs };
    {
      await using outbox = openOutbox(path, { ...options, ...times });
      outbox.append("health", { n: 0 });
    }
    await using outbox = openOutbox(path, { ...options, ...times });
    Object.assign(machine, { nowMs: 65_000, bootMs: 65_000 });
    outbox.append("health", { n: 1 });
    outbox.flush();
    t.match(allRecords(outbox), [{ atMs: 5_000 }, { atMs: 65_000 }]);
    const nowMs = Date.UTC(2026, 10, 28);
    Object.assign(machine, { nowMs, bootMs: 125_000, trustedMs: nowMs });
    outbox.append("health", { n: 2 });
    outbox.flush();
    t.match(allRecords(outbox), [
      { seq: 0, atMs: 5_000 },
      { seq: 1, atMs: nowMs - 60_000 },
      { seq: 2, atMs: nowMs },
    ]);
  },
);

t.test("text that is too long is cut, a record that is too large is declared", async (t) => {
  await using outbox = openOutbox(`${t.testdir({})}/outbox.db`, options);
  outbox.append("event", { event: "runner-crashed", why: "y".repeat(20_000), ratio: Number.NaN });
  outbox.append("event", Object.fromEntries(Array.from({ length: 9 }, (_, n) => [`f${n}`, "z".repeat(5_000)])));
  outbox.append("health", { ["n".repeat(65)]: 1 });
  outbox.flush();
  const records = allRecords(outbox);
  t.match(records, [
    { seq: 2, kind: "gap", fields: { cause: "oversize", count: 2, firstSeq: 0, lastSeq: 1 } },
    { seq: 3, kind: "event", fields: { event: "runner-crashed", why: "y".repeat(8_192), ratio: null } },
  ]);
});

t.test("a stream that is sealed drains, then is gone", async (t) => {
  await using outbox = openOutbox(`${t.testdir({})}/outbox.db`, options);
  outbox.append("health", { n: 0 });
  const sealed = outbox.stream;
  outbox.beginStream();
  outbox.append("health", { n: 1 });
  outbox.flush();
  t.match(outbox.lanes(), [
    { stream: sealed, acked: 0, end: 2 },
    { stream: outbox.stream, acked: 0, end: 1 },
  ]);
  t.match(outbox.read(sealed, 0, limits), {
    next: 2,
    records: [{ seq: 0 }, { seq: 1, kind: "event", fields: { event: "stream-sealed", successor: outbox.stream } }],
  });
  t.match(allRecords(outbox), [{ seq: 0, fields: { n: 1 } }]);
  outbox.forgetThrough(sealed, 2);
  t.same(
    outbox.lanes().map((lane) => lane.stream),
    [outbox.stream],
  );
});

t.test("a stream ends where it was sealed, also when the one after it is gone before it", async (t) => {
  await using outbox = openOutbox(`${t.testdir({})}/outbox.db`, options);
  const sealed = [];
  for (let n = 0; n < 3; n += 1) {
    outbox.append("health", { n });
    outbox.flush();
    sealed.push(outbox.stream);
    if (n < 2) outbox.beginStream();
  }
  const [first, second] = sealed;
  if (first === undefined || second === undefined) return;
  outbox.read(second, 0, limits);
  outbox.forgetThrough(second, 2);
  t.match(
    outbox.read(first, 0, limits),
    { next: 2, records: { length: 2 } },
    "the numbers of the second are not its own",
  );
  t.match(outbox.lanes(), [
    { stream: first, end: 2 },
    { stream: outbox.stream, end: 1 },
  ]);
});

t.test("a cap that cannot hold what is in flight is refused in words", async (t) => {
  t.throws(() => openOutbox(`${t.testdir({})}/outbox.db`, { ...options, capBytes: 1_000 }), {
    code: "bad-config",
    hint: /at least 1048576 bytes/,
  });
});
