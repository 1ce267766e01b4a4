import { pino } from "pino";
import t, { type Test } from "tap";
import { openOutbox, type Outbox } from "../../../agent/telemetry/outbox.ts";
import { systemClock, type Clock } from "../../../common/clock.ts";
import type { Log } from "../../../common/log.ts";
import { openTelemetryIngest } from "../../../controller/telemetry/ingest.ts";
import { openStore } from "../../../controller/store/store.ts";
import type { FleetId } from "../../../protocol/ids.ts";
import { parseTelemetryAck, type TelemetryAck } from "../../../protocol/messages/telemetry-ack.ts";
import { encodeTelemetryBatch } from "../../../protocol/messages/telemetry-batch.ts";
import { DEVICE, nextBatch, quietLog } from "../../support/telemetry-pipe.ts";
import { until } from "../../support/until.ts";

async function openIngest(t: Test, clock: Clock = systemClock, log: Log = quietLog) {
  const directory = t.testdir({});
  const opened = await openStore(`${directory}/controller.db`);
  const outbox = openOutbox(`${directory}/outbox.db`, { clock: systemClock, log: quietLog });
  const acks: (TelemetryAck & { readonly topic: string; readonly atMs: number })[] = [];
  const ingest = openTelemetryIngest({
    store: opened.store,
    fleet: "f" as FleetId,
    clock,
    log,
    publish: (topic, payload) => {
      acks.push({ ...parseTelemetryAck(payload), topic, atMs: performance.now() });
      return Promise.resolve();
    },
  });
  t.teardown(async () => {
    await ingest[Symbol.asyncDispose]();
    await outbox[Symbol.asyncDispose]();
    await opened[Symbol.asyncDispose]();
  });
  return { store: opened.store, ingest, outbox, acks };
}

function append(outbox: Outbox, count: number): void {
  for (let n = 0; n < count; n += 1) outbox.append("health", { n });
  outbox.flush();
}

const batch = (outbox: Outbox, change: { acked?: number; from?: number; next?: number; backfill?: boolean }) =>
  encodeTelemetryBatch({ stream: outbox.stream, acked: 0, from: 0, next: 1, backfill: false, records: [], ...change });

t.test("a batch is stored, then acknowledged on the device's own topic", async (t) => {
  const { ingest, outbox, acks, store } = await openIngest(t);
  append(outbox, 3);
  ingest.onBatch(DEVICE, nextBatch(outbox));
  await until("it is acknowledged", () => acks.length > 0);
  t.match(acks, [{ topic: "mf1/f/d/d1/dn/tack", stream: outbox.stream, next: 3 }]);
  t.match(await store.selectFrom("telemetry").selectAll().execute(), [
    { device: DEVICE, stream: outbox.stream, seq: 0, kind: "health", backfill: 0, fields_json: '{"n":0}' },
    { seq: 1 },
    { seq: 2 },
  ]);
});

t.test("a batch that comes twice is stored once, and acknowledged again", async (t) => {
  const { ingest, outbox, acks } = await openIngest(t);
  append(outbox, 3);
  ingest.onBatch(DEVICE, nextBatch(outbox));
  await until("it is acknowledged", () => acks.length === 1);
  ingest.onBatch(DEVICE, nextBatch(outbox));
  await until("it is acknowledged again", () => acks.length === 2);
  t.match(acks[1], { next: 3 });
  t.match(ingest.counters, { batches: 2, records: 3, duplicates: 3 });
});

t.test("a batch that overtook another is left, and comes again in order", async (t) => {
  const { ingest, outbox, acks } = await openIngest(t);
  append(outbox, 3);
  const [first, second] = [nextBatch(outbox), batch(outbox, { from: 3, next: 5, backfill: true })];
  ingest.onBatch(DEVICE, second);
  await until("the device hears what is missing", () => acks.length === 1);
  t.equal(acks[0]?.next, 0);
  ingest.onBatch(DEVICE, first);
  ingest.onBatch(DEVICE, second);
  await until("both are stored", () => acks.at(-1)?.next === 5);
});

t.test("live batches are acknowledged once a second, backfill at once", async (t) => {
  const { ingest, outbox, acks, store } = await openIngest(t);
  const watermark = async () => (await store.selectFrom("streams").select("next").executeTakeFirst())?.next;
  for (let next = 1; next <= 4; next += 1) {
    ingest.onBatch(DEVICE, batch(outbox, { from: next - 1, next }));
    await until("it is stored", async () => (await watermark()) === next);
  }
  t.same(
    acks.map((ack) => ack.next),
    [1],
  );
  await until("the second is over", () => acks.length === 2);
  t.equal(acks[1]?.next, 4, "one acknowledgement tells all");
  t.ok(Number(acks[1]?.atMs) - Number(acks[0]?.atMs) >= 900);
  for (let next = 5; next <= 8; next += 1) {
    ingest.onBatch(DEVICE, batch(outbox, { from: next - 1, next, backfill: true }));
    await until("it is acknowledged", () => acks.at(-1)?.next === next, { timeoutMs: 500 });
  }
});

t.test("batches that come close together share a transaction", async (t) => {
  const { ingest, outbox, store } = await openIngest(t);
  append(outbox, 20);
  const batches = Array.from({ length: 20 }, (_, n) => {
    const range = outbox.read(outbox.stream, n, { recordsMax: 1, bytesMax: 1_000 });
    if (range === undefined) throw new Error("there is a record");
    return encodeTelemetryBatch({ ...range, backfill: false });
  });
  let transactions = 0;
  const begin = store.transaction.bind(store);
  t.intercept(store, "transaction", { value: () => ((transactions += 1), begin()) });
  for (const payload of batches) {
    ingest.onBatch(DEVICE, payload);
    await new Promise(setImmediate);
  }
  await until("all are stored", () => ingest.counters.records === 20);
  t.ok(transactions < 20, `${String(transactions)} transactions`);
});

const malformed = [
  { what: "no CBOR", payload: () => Uint8Array.of(0xff, 0xff) },
  { what: "CBOR of something else", payload: () => Uint8Array.of(0xa0) },
  { what: "more bytes than a batch may have", payload: () => new Uint8Array(60_000) },
  { what: "a range that ends before it begins", payload: (outbox: Outbox) => batch(outbox, { from: 5, next: 2 }) },
  { what: "more forgotten than sent", payload: (outbox: Outbox) => batch(outbox, { acked: 2, from: 1, next: 3 }) },
  { what: "numbers beyond what can be counted", payload: (outbox: Outbox) => batch(outbox, { next: 1e300 }) },
];
for (const { what, payload } of malformed) {
  t.test(`a message is counted and left aside: ${what}`, async (t) => {
    const { ingest, outbox, acks } = await openIngest(t);
    ingest.onBatch(DEVICE, payload(outbox));
    t.equal(ingest.counters.batches, 0);
    await until("it is counted", () => ingest.counters.problems["batch-unreadable"] === 1);
    append(outbox, 1);
    ingest.onBatch(DEVICE, nextBatch(outbox));
    await until("the next good one is stored", () => acks.length === 1);
  });
}

t.test("what exceeds the queue is turned away without an acknowledgement", async (t) => {
  const { ingest, outbox, store } = await openIngest(t);
  for (let n = 0; n < 500; n += 1) outbox.append("event", { event: "swapped", text: `${n}${"x".repeat(80)}` });
  outbox.flush();
  const payload = nextBatch(outbox);
  const fitting = Math.floor((8 * 1024 ** 2) / payload.byteLength);
  for (let n = 0; n < fitting + 10; n += 1) ingest.onBatch(DEVICE, payload);
  t.match(ingest.counters, { batches: fitting, refused: 10 });
  await until("the rest is stored", () => ingest.counters.records + ingest.counters.duplicates === fitting * 500);
  t.equal((await store.selectFrom("telemetry").select("seq").execute()).length, 500);
});

t.test("a clock that steps back does not hide records from those who follow", async (t) => {
  let nowMs = 2_000;
  const { ingest, outbox, store, acks } = await openIngest(t, { ...systemClock, nowMs: () => nowMs });
  ingest.onBatch(DEVICE, (append(outbox, 1), nextBatch(outbox)));
  await until("it is stored", () => acks.length === 1);
  nowMs = 1_000;
  ingest.onBatch(DEVICE, (append(outbox, 1), nextBatch(outbox)));
  await until("it is stored", () => ingest.counters.records === 2);
  t.same(await store.selectFrom("telemetry").select("received_ms").execute(), [
    { received_ms: 2_000 },
    { received_ms: 2_000 },
  ]);
});

t.test("the log says of which device, and why, when something is left aside or cannot be stored", async (t) => {
  const lines: unknown[] = [];
  const log = pino({ level: "warn" }, { write: (line: string) => lines.push(JSON.parse(line)) });
  const { ingest, outbox, store } = await openIngest(t, systemClock, log);
  ingest.onBatch(DEVICE, Uint8Array.of(0xff, 0xff));
  await until("it is counted", () => ingest.counters.problems["batch-unreadable"] === 1);
  await store.schema.dropTable("telemetry").execute();
  append(outbox, 1);
  ingest.onBatch(DEVICE, nextBatch(outbox));
  await until("the database has refused", () => ingest.counters.failures === 1);
  t.match(lines, [
    { level: 40, device: DEVICE, error: /telemetry batch/, msg: "an unreadable telemetry batch was left aside" },
    { level: 50, error: /no such table/, batches: 1, msg: "telemetry cannot be stored; it will come again" },
  ]);
});
