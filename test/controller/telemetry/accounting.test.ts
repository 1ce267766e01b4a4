import t from "tap";
import { accountStream, accountStreams } from "../../../controller/telemetry/accounting.ts";
import { listGaps } from "../../../controller/telemetry/gaps.ts";
import type { DeviceId, StreamId } from "../../../protocol/ids.ts";
import { STREAM, storeOf } from "../../support/stored-telemetry.ts";

const device = "d1" as DeviceId;
const other = "b".repeat(32) as StreamId;

const cases = [
  { when: "everything came", counts: { next: 10, received: 10, produced: 10 }, then: { received: 10, missing: 0 } },
  { when: "some are still on the device", counts: { next: 10, received: 10, produced: 14 }, then: { outstanding: 4 } },
  {
    when: "the report is older than the records",
    counts: { next: 10, received: 10, produced: 3 },
    then: { produced: 10, outstanding: 0 },
  },
  {
    when: "the device declared a gap",
    counts: { next: 10, received: 7, declared: 3, produced: 10 },
    then: { declared: 3, missing: 0 },
  },
  {
    when: "something is gone that nobody declared",
    counts: { next: 10, received: 7, produced: 10 },
    then: { missing: 3 },
  },
  {
    when: "a gap is declared before the watermark has come to it",
    counts: { next: 0, received: 0, declared: 4, produced: 0 },
    then: { produced: 4, outstanding: 0, missing: 0 },
  },
  {
    when: "the device lost its outbox",
    counts: { next: 10, received: 10, produced: 14, isLossUnknown: true },
    then: { isLossUnknown: true, outstanding: 0, missing: 0 },
  },
];
for (const { when, counts, then } of cases) {
  t.test(`the account is right when ${when}`, async (t) => {
    const account = accountStream({ device, stream: STREAM, lastMs: 0, declared: 0, isLossUnknown: false, ...counts });
    t.match(account, then);
    const { received, declared, outstanding, missing } = account;
    t.equal(account.produced, received + declared + outstanding + missing);
  });
}

t.test("what devices added up themselves is apart from what is lost", async (t) => {
  await using store = await storeOf(`${t.testdir({})}/controller.db`, [
    { seq: 119, fields: { cpuPercent: 3, records: 120 } },
    { seq: 120, kind: "gap", fields: { cause: "rolled-up", count: 119, firstSeq: 0, lastSeq: 118 } },
    { seq: 123, kind: "gap", fields: { cause: "capacity", count: 2, measurements: 90 } },
  ]);
  t.match(await accountStreams(store, new Map(), [device]), [
    { produced: 124, received: 3, declared: 121, rolledUp: 119, missing: 0, outstanding: 0 },
  ]);
});

t.test("a gap counts for the stream that it names, in the account of its device", async (t) => {
  await using store = await storeOf(`${t.testdir({})}/controller.db`, [
    { seq: 0 },
    { seq: 5 },
    { stream: other, seq: 0, kind: "gap", fields: { cause: "capacity", stream: STREAM, count: 4 }, receivedMs: 2_000 },
    { stream: other, seq: 1, receivedMs: 2_000 },
    { device: "d2", seq: 0, kind: "gap", fields: { cause: "disk", count: 99 } },
    { device: "d2", seq: 1, kind: "gap", fields: { cause: "of no kind that is known" } },
  ]);
  t.match(await accountStreams(store, new Map([[device, { stream: other, produced: 3 }]]), [device]), [
    { stream: STREAM, produced: 6, received: 2, declared: 4, missing: 0, outstanding: 0, lastMs: 1_000 },
    { stream: other, produced: 3, received: 2, declared: 0, missing: 0, outstanding: 1 },
  ]);
  const unheard = "c".repeat(32) as StreamId;
  t.match((await accountStreams(store, new Map([[device, { stream: unheard, produced: 3 }]]), [device])).at(-1), {
    stream: unheard,
    produced: 3,
    outstanding: 3,
    missing: 0,
  });
  const all = await accountStreams(store, new Map());
  t.same(
    all.map((account) => account.device),
    [device, device, "d2"],
  );
  t.match(await listGaps(store, {}), [
    { device, stream: STREAM, count: 4 },
    { device: "d2", count: 99 },
  ]);
  t.same(await listGaps(store, { device, sinceMs: 2_001 }), []);
});
