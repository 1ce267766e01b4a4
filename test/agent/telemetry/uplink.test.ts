import t, { type Test } from "tap";
import { createAckInbox } from "../../../agent/telemetry/ack-inbox.ts";
import { condensingOf } from "../../../agent/telemetry/detail.ts";
import { openOutbox } from "../../../agent/telemetry/outbox.ts";
import { encodeFitting, runUplink, type UplinkPorts } from "../../../agent/telemetry/uplink.ts";
import { systemClock } from "../../../common/clock.ts";
import type { StreamId } from "../../../protocol/ids.ts";
import { TELEMETRY_BATCH_BYTES_MAX, TELEMETRY_BATCH_RECORDS_MAX } from "../../../protocol/limits.ts";
import { encodeTelemetryAck } from "../../../protocol/messages/telemetry-ack.ts";
import { decodeTelemetryBatch, type RecordRange } from "../../../protocol/messages/telemetry-batch.ts";
import { checkGapFields } from "../../../protocol/messages/telemetry-gap.ts";
import { seededRandom } from "../../support/seeded-random.ts";
import { quietLog } from "../../support/telemetry-pipe.ts";
import { until } from "../../support/until.ts";

/** An uplink whose other end is the test: it sees each batch and acknowledges what it wants. */
function openUplink(t: Test, change: Partial<UplinkPorts> = {}) {
  const outbox = openOutbox(`${t.testdir({})}/outbox.db`, { clock: systemClock, log: quietLog });
  const acks = createAckInbox({ clock: systemClock, log: quietLog });
  const stopping = new AbortController();
  const sent: (RecordRange & { readonly atMs: number })[] = [];
  const connection: { session: string | undefined } = { session: "s1" };
  const running = runUplink(
    {
      outbox,
      acks,
      clock: systemClock,
      random: () => 1,
      log: quietLog,
      lingerMs: 10,
      retry: { firstMs: 100, mostMs: 800 },
      session: () => connection.session,
      publish: (payload) => {
        t.ok(payload.byteLength <= TELEMETRY_BATCH_BYTES_MAX, "a batch fits one publish");
        sent.push({ ...decodeTelemetryBatch(payload), atMs: performance.now() });
        return Promise.resolve();
      },
      ...change,
    },
    stopping.signal,
  );
  t.teardown(async () => {
    stopping.abort();
    await running;
    await outbox[Symbol.asyncDispose]();
  });
  const acknowledge = (stream: StreamId, next: number) => {
    acks.put(encodeTelemetryAck({ stream, next }));
  };
  return { outbox, acks, sent, connection, acknowledge };
}

t.test("a batch is sent again, at growing intervals, until it is acknowledged", async (t) => {
  const { outbox, sent, acknowledge } = openUplink(t);
  outbox.append("health", { n: 1 });
  await until("it was sent four times", () => sent.length >= 4);
  const waits = sent.slice(1, 4).map((batch, at) => batch.atMs - (sent[at]?.atMs ?? 0));
  t.ok(
    waits.every((ms, at) => ms >= 50 * 2 ** at),
    `waited ${waits.map(Math.round).join(", ")} ms`,
  );
  t.ok(sent.every((batch) => batch.from === 0 && batch.next === 1));
  acknowledge(outbox.stream, 1);
  await until("nothing is pending", () => outbox.pending === 0);
});

t.test("after a partial acknowledgement it goes on from there", async (t) => {
  const { outbox, sent, acknowledge } = openUplink(t);
  for (let n = 0; n < 1_200; n += 1) outbox.append("health", { n });
  await until("three batches are on their way", () => sent.length >= 3);
  t.same(
    sent.slice(0, 3).map(({ from, next }) => [from, next]),
    [
      [0, 500],
      [500, 1_000],
      [1_000, 1_200],
    ],
  );
  acknowledge(outbox.stream, 500);
  await until("what is missing comes again", () => sent.slice(3).some((batch) => batch.from === 500));
  t.notOk(
    sent.slice(3).some((batch) => batch.from === 0),
    "what was acknowledged does not",
  );
  t.equal(sent.slice(3).find((batch) => batch.from === 500)?.acked, 500);
});

t.test("without a connection nothing is sent", async (t) => {
  const { outbox, sent, connection } = openUplink(t);
  connection.session = undefined;
  await systemClock.sleep(30);
  const before = sent.length;
  outbox.append("health", { n: 1 });
  await systemClock.sleep(100);
  t.equal(sent.length, before);
  connection.session = "s2";
  await until("it is sent with the next connection", () => sent.length > before);
  t.equal(sent.at(-1)?.backfill, true, "and is marked as late");
});

t.test("live records do not wait for the backlog of an outage", async (t) => {
  const patient = { firstMs: 60_000, mostMs: 60_000 };
  const { outbox, sent, acknowledge, connection } = openUplink(t, { retry: patient });
  connection.session = undefined;
  for (let n = 0; n < 20_000; n += 1) outbox.append("health", { n });
  const sealed = outbox.stream;
  connection.session = "s2";
  await until("the backlog begins", () => sent.length >= 8);
  await systemClock.sleep(30);
  t.equal(sent.length, 8, "at most eight batches are in flight");
  acknowledge(sealed, 500);
  await until("a second stream begins", () => outbox.stream !== sealed);
  outbox.append("event", { event: "swapped" });
  // A slow line: one batch of the backlog at a time, far from its end.
  for (let next = 1_000; next <= 3_000; next += 500) {
    acknowledge(sealed, next);
    await systemClock.sleep(5);
  }
  const live = await until("the live record is sent", () => sent.find((batch) => batch.stream !== sealed));
  t.match(live, { backfill: false, records: [{ seq: 0, fields: { event: "swapped" } }] });
  t.ok(
    (outbox.lanes()[0]?.end ?? 0) - (outbox.lanes()[0]?.acked ?? 0) > 15_000,
    "with most of the backlog still there",
  );
});

t.test("acknowledgements that make no sense are left aside", async (t) => {
  const { outbox, acks, sent, acknowledge } = openUplink(t);
  for (let n = 0; n < 3; n += 1) outbox.append("health", { n });
  await until("it was sent", () => sent.length >= 1);
  acknowledge(outbox.stream, 1_000_000);
  acknowledge("f".repeat(32) as StreamId, 3);
  acks.put(Uint8Array.of(0xff, 0x00));
  await until("it was sent again", () => sent.length >= 2);
  t.equal(outbox.pending, 3);
});

t.test("a publish that fails is made good by the retry", async (t) => {
  let attempts = 0;
  const { outbox } = openUplink(t, {
    publish: () => ((attempts += 1) > 0 ? Promise.reject(new Error("offline")) : Promise.resolve()),
  });
  outbox.append("health", { n: 1 });
  await until("it was tried three times", () => attempts >= 3);
  t.equal(outbox.pending, 1);
});

t.test("records that together are too large for one publish are split", async (t) => {
  const random = seededRandom(5);
  const text = () => Array.from({ length: 2_000 }, () => String.fromCharCode(97 + random() * 26)).join("");
  const records = Array.from({ length: 100 }, (_, seq) => ({
    seq,
    atMs: seq,
    kind: "event" as const,
    fields: { text: text() },
  }));
  let from = 0;
  let batches = 0;
  while (from < 100) {
    const stream = "a".repeat(32) as StreamId;
    const left = records.slice(from);
    const { payload, next } = encodeFitting({ stream, acked: 0, from, next: 100, backfill: true, records: left });
    t.match(decodeTelemetryBatch(payload), { from, next, records: left.slice(0, next - from) });
    from = next;
    batches += 1;
  }
  t.ok(batches >= 5 && batches <= 10, `${batches} batches for 200 kB`);
});

for (const { kind, text } of [
  { kind: "small records", text: "" },
  { kind: "records of which few fit a publish", text: "x".repeat(900) },
]) {
  t.test(`batches of a backlog are full: ${kind}`, async (t) => {
    const sizes: { readonly bytes: number; readonly records: number }[] = [];
    const { outbox, acknowledge, connection } = openUplink(t, {
      publish: (payload) => {
        const { stream, next, records } = decodeTelemetryBatch(payload);
        sizes.push({ bytes: payload.byteLength, records: records.length });
        acknowledge(stream, next);
        return Promise.resolve();
      },
    });
    connection.session = undefined;
    for (let n = 0; n < 2_000; n += 1) outbox.append("health", { n: n * 1_000_003, text: `${String(n)}${text}` });
    connection.session = "s2";
    await until("all of it is sent", () => outbox.pending === 0 && outbox.lanes().length === 1);
    const before = sizes.slice(0, 2_000 / TELEMETRY_BATCH_RECORDS_MAX - 1);
    for (const { bytes, records } of before) {
      const filled = Math.max(bytes / TELEMETRY_BATCH_BYTES_MAX, records / TELEMETRY_BATCH_RECORDS_MAX);
      t.ok(filled > 0.85, `${String(records)} records, ${String(bytes)} bytes`);
    }
  });
}

t.test("measurements that are told by the hour wait for it, and an event takes them along, added up", async (t) => {
  const { outbox, sent, acknowledge } = openUplink(t, { condensing: () => condensingOf("roll-up", 3_600_000) });
  await until("the uplink runs", () => outbox.stream.length > 0);
  outbox.append("health", { cpuPercent: 1 });
  await until("what waited for the start is sent", () => sent.length === 1);
  acknowledge(outbox.stream, 1);
  for (let n = 0; n < 50; n += 1) outbox.append("health", { cpuPercent: n });
  await systemClock.sleep(60);
  t.equal(sent.length, 1, "an hour has not passed");
  outbox.append("event", { event: "swapped" });
  await until("the event is sent", () => sent.length === 2);
  t.match(sent[1], {
    from: 1,
    records: [
      { seq: 50, kind: "health", fields: { records: 50, cpuPercent: 24.5, "cpuPercent.min": 0 } },
      { seq: 51, kind: "event", fields: { event: "swapped" } },
      { seq: 52, kind: "gap", fields: { cause: "rolled-up", count: 49, firstSeq: 1, lastSeq: 49 } },
    ],
  });
  acknowledge(outbox.stream, sent[1]?.next ?? 0);
  await until("nothing is pending", () => outbox.pending === 0);
});

t.test("a backlog is added up before it is sent, where data is short", async (t) => {
  const { outbox, sent, connection } = openUplink(t, { condensing: () => condensingOf("counters", 3_600_000) });
  connection.session = undefined;
  for (let n = 0; n < 3_000; n += 1) outbox.append("health", { cpuPercent: n % 100 });
  connection.session = "s2";
  await until("it is sent", () => sent.length > 0);
  const records = sent.flatMap((batch) => batch.records);
  t.equal(records.filter(({ kind }) => kind === "health").length, 1);
  t.notOk("cpuPercent.max" in (records[0]?.fields ?? {}));
  // Sums of earlier passes have numbers too, and are added up with the rest.
  const gap = checkGapFields(records.at(-1)?.fields);
  t.match(gap, { cause: "rolled-up", count: outbox.produced - records.length });
  t.ok((gap.count ?? 0) >= 2_999);
});
