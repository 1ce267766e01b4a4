import { spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { sql } from "kysely";
import t from "tap";
import type { Clock } from "../../../common/clock.ts";
import { openStore, type Store } from "../../../controller/store/store.ts";
import { accountStreams } from "../../../controller/telemetry/accounting.ts";
import { readFleetInference } from "../../../controller/telemetry/fleet-inference.ts";
import { readInference } from "../../../controller/telemetry/read-inference.ts";
import { recountStreams } from "../../../controller/telemetry/recount.ts";
import { retentionOf, type RetentionConfig } from "../../../controller/telemetry/retention.ts";
import { createRollUp } from "../../../controller/telemetry/roll-up.ts";
import { Sketch } from "../../../protocol/sketch.ts";
import { seededRandom } from "../../support/seeded-random.ts";
import { addTo, storeOf, type Stored } from "../../support/stored-telemetry.ts";
import { quietLog } from "../../support/telemetry-pipe.ts";

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
const DAY_MS = 24 * HOUR_MS;
const START_MS = 400_000 * HOUR_MS;

/** Three records a minute, as a device sends them: two of health and one of a model. */
function minutesOf(device: string, count: number, firstSeq: number, startMs: number): Stored[] {
  const sketch = new Sketch();
  for (let n = 0; n < 60; n += 1) sketch.add(5 + n / 10);
  const inference = {
    ...{ slot: "digits", version: "1.0.0", intervalMs: MINUTE_MS },
    ...{ "outcome.answered": 60, inferSketch: sketch.toText() },
  };
  return Array.from({ length: count }, (_, minute) => {
    const atMs = startMs + minute * MINUTE_MS;
    const seq = firstSeq + 3 * minute;
    const record = { device, atMs, receivedMs: atMs + 1_000 };
    return [
      { ...record, seq, fields: { cpuPercent: 10 + (minute % 10) } },
      { ...record, seq: seq + 1, fields: { cpuPercent: 30 + (minute % 10) } },
      { ...record, seq: seq + 2, kind: "inference" as const, fields: inference },
    ];
  }).flat();
}

/** Rolls up at that time until there is nothing left to do. */
async function rollUpAt(store: Store, nowMs: number, config: RetentionConfig = {}): Promise<number> {
  const done = new AbortController();
  const clock: Clock = {
    nowMs: () => nowMs,
    monotonicMs: () => 0,
    sleep: async (ms) => {
      if (ms >= 10_000) done.abort();
      await new Promise(setImmediate);
    },
  };
  const rollUp = createRollUp({ store, retention: retentionOf(config), clock, log: quietLog });
  await rollUp.run(done.signal);
  t.equal(rollUp.counters.failures, 0);
  return rollUp.counters.rolled;
}

async function requestsIn(store: Store): Promise<number> {
  let requests = 0;
  for await (const { sum } of readInference(store, { fromMs: 0, toMs: Infinity })) requests += sum.requests;
  return requests;
}

async function rowsBySpan(store: Store): Promise<Record<string, number>> {
  const raw = await store.selectFrom("telemetry").select("seq").execute();
  const sums = await store.selectFrom("telemetry_rollups").select("span_ms").execute();
  const minutes = sums.filter(({ span_ms }) => span_ms === MINUTE_MS).length;
  return { raw: raw.length, minutes, hours: sums.length - minutes };
}

async function isExact(store: Store): Promise<boolean> {
  const recounts = await recountStreams(store);
  return recounts.every(({ excess }) => excess === 0);
}

t.test(
  "records become minutes, minutes hours, and hours end; nothing is counted twice or lost on the way",
  async (t) => {
    const records = [...minutesOf("d1", 180, 0, START_MS), ...minutesOf("d2", 180, 0, START_MS)];
    await using store = await storeOf(`${t.testdir({})}/controller.db`, [
      ...records,
      { device: "d1", seq: 900, kind: "event", receivedMs: START_MS, fields: { event: "swapped" } },
      { device: "d1", seq: 901, kind: "gap", receivedMs: START_MS, fields: { cause: "disk", count: 361 } },
      { device: "d1", seq: 902, kind: "inference", receivedMs: START_MS, fields: { nonsense: true } },
    ]);
    const requests = await requestsIn(store);
    const accounts = await accountStreams(store, new Map());
    t.equal(requests, 2 * 180 * 60);
    t.equal(await rollUpAt(store, START_MS + DAY_MS), 0, "young records stay as they are");

    await rollUpAt(store, START_MS + 2 * DAY_MS + 90 * MINUTE_MS);
    t.same(await rowsBySpan(store), { raw: 3 + 2 * 3 * 90, minutes: 2 * 2 * 90, hours: 0 });
    t.equal(await requestsIn(store), requests);
    t.ok(await isExact(store));

    await rollUpAt(store, START_MS + 7 * DAY_MS + 90 * MINUTE_MS);
    t.same(await rowsBySpan(store), { raw: 3, minutes: 2 * 2 * 120, hours: 4 });
    t.equal(await requestsIn(store), requests);
    t.ok(await isExact(store));
    const [total] = await readFleetInference(store, { fromMs: START_MS, toMs: START_MS + DAY_MS });
    t.match(total, { devices: 2, sum: { requests } }, "the fleet's own totals are rolled up too");
    const hour = await store
      .selectFrom("telemetry_rollups")
      .selectAll()
      .where("span_ms", "=", HOUR_MS)
      .where("kind", "=", "health")
      .executeTakeFirstOrThrow();
    t.match(hour, { device: "d1", at_ms: START_MS, records: 120 });
    t.match(JSON.parse(hour.fields_json), {
      records: 120,
      cpuPercent: 24.5,
      "cpuPercent.min": 10,
      "cpuPercent.max": 39,
    });

    await rollUpAt(store, START_MS + 500 * DAY_MS);
    t.same(await rowsBySpan(store), { raw: 0, minutes: 0, hours: 0 });
    t.ok(await isExact(store));
    t.same(await accountStreams(store, new Map()), accounts, "what became of every record is known for good");
  },
);

t.test("what arrives after its hour was added up is added to it", async (t) => {
  const records = minutesOf("d1", 60, 0, START_MS);
  await using store = await storeOf(`${t.testdir({})}/controller.db`, records);
  await rollUpAt(store, START_MS + 9 * DAY_MS);
  const late = minutesOf("d1", 60, 180, START_MS).map((record) => ({
    ...record,
    receivedMs: START_MS + 9 * DAY_MS,
    backfill: true,
  }));
  await addTo(store, late);
  t.equal(await requestsIn(store), 2 * 60 * 60, "at once");
  await rollUpAt(store, START_MS + 12 * DAY_MS);
  t.same(await rowsBySpan(store), { raw: 0, minutes: 0, hours: 2 });
  t.equal(await requestsIn(store), 2 * 60 * 60);
  t.ok(await isExact(store));
  await addTo(store, [...records, ...late]);
  t.same(
    await rowsBySpan(store),
    { raw: 0, minutes: 0, hours: 2 },
    "and what comes again is known, although no row of it is left",
  );
});

t.test("a controller that is killed in the middle leaves each record either raw or added up", async (t) => {
  const path = `${t.testdir({})}/controller.db`;
  {
    await using _store = await storeOf(path, minutesOf("d1", 400, 0, START_MS));
  }
  const random = seededRandom(11);
  const nowMs = START_MS + 7 * DAY_MS + 200 * MINUTE_MS;
  let kills = 0;
  for (let isDone = false; !isDone && kills < 30;) {
    const child = spawn(process.execPath, ["test/support/roll-up-process.ts", path, String(nowMs)]);
    const left = { slices: 1 + Math.floor(random() * 12) };
    for await (const line of createInterface({ input: child.stdout })) {
      if (line === "done") isDone = true;
      left.slices -= 1;
      if (left.slices === 0) child.kill("SIGKILL");
    }
    if (child.exitCode === null && child.signalCode === null) await once(child, "exit");
    if (!isDone) kills += 1;
    await using opened = await openStore(path);
    t.equal(await requestsIn(opened.store), 400 * 60);
    t.ok(await isExact(opened.store));
  }
  t.ok(kills > 2, `killed ${kills} times`);
});

t.test("the file stops growing: the room of what was added up is used again", async (t) => {
  const day = (n: number) => minutesOf("d1", 150, n * 3 * 150, START_MS + n * DAY_MS);
  await using store = await storeOf(`${t.testdir({})}/controller.db`, []);
  const sizes: number[] = [];
  for (let n = 0; n < 9; n += 1) {
    await addTo(store, day(n));
    await rollUpAt(store, START_MS + (n + 1) * DAY_MS, { rawHours: 24, minuteDays: 1 });
    const { rows } = await sql<{ page_count: number }>`SELECT page_count FROM pragma_page_count`.execute(store);
    sizes.push(rows[0]?.page_count ?? Infinity);
  }
  const [early = 0, late = Infinity] = [sizes[3], sizes[8]];
  t.ok(late - early < 0.1 * early, `${early} pages after four days, ${late} after nine`);
});
