import { sql } from "kysely";
import t from "tap";
import { systemClock } from "../../../common/clock.ts";
import { openStore } from "../../../controller/store/store.ts";
import { openTelemetryIngest } from "../../../controller/telemetry/ingest.ts";
import { listProblems, ProblemTally } from "../../../controller/telemetry/problems.ts";
import type { FleetId } from "../../../protocol/ids.ts";
import {
  encodeTelemetryBatch,
  type RecordRange,
  type TelemetryRecord,
} from "../../../protocol/messages/telemetry-batch.ts";
import { hurriedClock } from "../../support/hurried-clock.ts";
import { STREAM } from "../../support/stored-telemetry.ts";
import { DEVICE, quietLog } from "../../support/telemetry-pipe.ts";
import { until } from "../../support/until.ts";

t.test("what should not have come is counted by name, and everything else goes on", async (t) => {
  await using opened = await openStore(`${t.testdir({})}/controller.db`);
  const { store } = opened;
  const ports = { store, fleet: "f" as FleetId, clock: systemClock, log: quietLog, publish: () => Promise.resolve() };
  await using ingest = openTelemetryIngest(ports);
  const nowMs = Date.now();
  let batches = 0;
  const send = async (records: readonly TelemetryRecord[], changes: Partial<RecordRange> = {}) => {
    const next = (records.at(-1)?.seq ?? 0) + 1;
    const range = { stream: STREAM, acked: 0, from: records[0]?.seq ?? 0, next, backfill: false, records, ...changes };
    ingest.onBatch(DEVICE, encodeTelemetryBatch(range));
    batches += 1;
    await until("it is stored", () => ingest.counters.waitingBytes === 0 && ingest.counters.batches === batches);
  };
  const health = (seq: number, atMs = nowMs, cpuPercent = seq): TelemetryRecord => ({
    seq,
    atMs,
    kind: "health",
    fields: { cpuPercent },
  });

  ingest.onBatch(DEVICE, Uint8Array.of(0xff));
  await send([health(0), health(1, nowMs + 86_400_000), health(2, 1_000)]);
  await send([
    { seq: 3, atMs: nowMs, kind: "inference", fields: { nonsense: true } },
    { seq: 4, atMs: nowMs, kind: "gap", fields: { cause: "no cause that is known" } },
    { seq: 5, atMs: nowMs, kind: "of-tomorrow", fields: { x: 1 } },
    health(6),
  ]);
  await send([health(0), health(1), health(2)], { from: 0 });
  t.equal(
    (await listProblems(store)).find(({ problem }) => problem === "stream-reused"),
    undefined,
    "the same again is no reuse",
  );
  await send([health(5), health(6, nowMs, 99), health(7)], { from: 5 });

  await until("all is told", async () => (await listProblems(store)).length === 6);
  const problems = new Map((await listProblems(store)).map((one) => [one.problem, one]));
  t.match(Object.fromEntries([...problems].map(([name, { count }]) => [name, count])), {
    "batch-unreadable": 1,
    "clock-ahead": 1,
    "clock-behind": 1,
    "record-unreadable": 2,
    "kind-unknown": 1,
    "stream-reused": 1,
  });
  t.match(problems.get("clock-behind")?.example, "1970-01-01T00:00:01.000Z");
  t.match(problems.get("kind-unknown"), { device: DEVICE, example: /of-tomorrow/, next: /update the controller/ });
  t.match(problems.get("stream-reused")?.example, /^number 5 /);
  t.same(await listProblems(store, "d2" as typeof DEVICE), []);
  const rows = await store.selectFrom("telemetry").select(["seq", "kind", "at_ms"]).orderBy("seq").execute();
  t.same(
    rows.map(({ seq }) => seq),
    [0, 1, 2, 3, 4, 5, 6, 7],
    "every record is here",
  );
  t.ok(
    rows.every(({ at_ms }) => Math.abs(at_ms - nowMs) < 60_000),
    "and at a time at which people look",
  );
  t.match(ingest.counters, { records: 8, duplicates: 5, problems: { "record-unreadable": 2, "stream-reused": 1 } });
});

t.test("what was wrong outlives a commit that fails, and is told once", async (t) => {
  await using opened = await openStore(`${t.testdir({})}/controller.db`);
  const { store } = opened;
  const ports = { store, fleet: "f" as FleetId, clock: hurriedClock, log: quietLog, publish: () => Promise.resolve() };
  await using ingest = openTelemetryIngest(ports);
  // Checked when the transaction commits, and not before: everything in it has gone well until then.
  await sql`CREATE TABLE accepted (id INTEGER PRIMARY KEY)`.execute(store);
  await sql`CREATE TABLE refusal (id INTEGER REFERENCES accepted (id) DEFERRABLE INITIALLY DEFERRED)`.execute(store);
  await sql`CREATE TRIGGER refuse AFTER INSERT ON telemetry_problems BEGIN INSERT INTO refusal VALUES (1); END`.execute(
    store,
  );
  const record: TelemetryRecord = { seq: 0, atMs: Date.now(), kind: "of-tomorrow", fields: {} };
  const range = { stream: STREAM, acked: 0, from: 0, next: 1, backfill: false, records: [record] };
  const batch = encodeTelemetryBatch(range);

  ingest.onBatch(DEVICE, Uint8Array.of(0xff));
  ingest.onBatch(DEVICE, batch);
  await until("the commit has failed more than once", () => ingest.counters.failures > 1);
  t.same(await listProblems(store), []);
  t.match(ingest.counters.problems, { "batch-unreadable": 0, "kind-unknown": 0 });
  await sql`DROP TRIGGER refuse`.execute(store);
  // As a device does that hears nothing.
  ingest.onBatch(DEVICE, batch);
  await until("all is told", async () => (await listProblems(store)).length === 2);
  const counts = (await listProblems(store)).map(({ problem, count }) => [problem, count]);
  t.same(Object.fromEntries(counts), { "batch-unreadable": 1, "kind-unknown": 1 });
  t.match(ingest.counters, { records: 1, problems: { "batch-unreadable": 1, "kind-unknown": 1 } });
});

t.test("what could not be stored is given back: the counts add up, and the later example stays", async (t) => {
  const tally = new ProblemTally();
  tally.add(DEVICE, "clock-ahead", "the first");
  tally.add(DEVICE, "clock-behind", "the only one");
  const taken = tally.take();
  tally.add(DEVICE, "clock-ahead", "the second");
  tally.giveBack(taken);
  t.match(tally.take(), [
    { problem: "clock-ahead", count: 2, example: "the second" },
    { problem: "clock-behind", count: 1, example: "the only one" },
  ]);
  t.ok(tally.isEmpty);
});
