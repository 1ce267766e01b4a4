import t from "tap";
import { accountDevice, accountStream } from "../../../controller/telemetry/accounting.ts";
import type { TelemetryGap } from "../../../controller/telemetry/gaps.ts";
import { listGaps } from "../../../controller/telemetry/gaps.ts";
import type { DeviceId, StreamId } from "../../../protocol/ids.ts";
import { STREAM, storeOf } from "../../support/stored-telemetry.ts";

const device = "d1" as DeviceId;
const other = "b".repeat(32) as StreamId;
const gap = (fields: Partial<TelemetryGap>): TelemetryGap => ({
  device,
  stream: STREAM,
  receivedMs: 0,
  cause: "capacity",
  ...fields,
});

const cases = [
  { when: "everything came", counts: { next: 10, rows: 10, produced: 10 }, gaps: [], then: { received: 10 } },
  {
    when: "some are still on the device",
    counts: { next: 10, rows: 10, produced: 14 },
    gaps: [],
    then: { outstanding: 4 },
  },
  {
    when: "the report is older than the records",
    counts: { next: 10, rows: 10, produced: 3 },
    gaps: [],
    then: { produced: 10, outstanding: 0 },
  },
  {
    when: "the device declared a gap",
    counts: { next: 10, rows: 7, produced: 10 },
    gaps: [gap({ count: 3 })],
    then: { declared: 3, missing: 0 },
  },
  {
    when: "something is gone that nobody declared",
    counts: { next: 10, rows: 7, produced: 10 },
    gaps: [],
    then: { missing: 3 },
  },
  {
    when: "this controller lost its database",
    counts: { next: 10, rows: 5, produced: 10 },
    gaps: [gap({ cause: "controller-lost", count: 6 })],
    then: { received: 4, declared: 6, missing: 0 },
  },
  {
    when: "the device lost its outbox",
    counts: { next: 10, rows: 10, produced: 14 },
    gaps: [gap({ cause: "database-damaged" })],
    then: { isLossUnknown: true, outstanding: 0, missing: 0 },
  },
];
for (const { when, counts, gaps, then } of cases) {
  t.test(`the account is right when ${when}`, async (t) => {
    t.match(accountStream({ stream: STREAM, lastMs: 0, ...counts }, gaps), then);
  });
}

t.test("a gap counts for the stream that it names, in the account of its device", async (t) => {
  await using store = await storeOf(`${t.testdir({})}/controller.db`, [
    { seq: 0 },
    { seq: 5 },
    { stream: other, seq: 0, kind: "gap", fields: { cause: "capacity", stream: STREAM, count: 4 }, receivedMs: 2_000 },
    { stream: other, seq: 1, receivedMs: 2_000 },
    { device: "d2", seq: 0, kind: "gap", fields: { cause: "disk", count: 99 } },
    { device: "d2", seq: 1, kind: "gap", fields: { cause: "of no kind that is known" } },
  ]);
  t.match(await accountDevice(store, device, { stream: other, produced: 3 }), [
    { stream: STREAM, produced: 6, received: 2, declared: 4, missing: 0, outstanding: 0 },
    { stream: other, produced: 3, received: 2, declared: 0, missing: 0, outstanding: 1 },
  ]);
  const unheard = "c".repeat(32) as StreamId;
  t.match((await accountDevice(store, device, { stream: unheard, produced: 3 })).at(-1), {
    stream: unheard,
    produced: 3,
    outstanding: 3,
    missing: 0,
  });
  t.match(await listGaps(store, {}), [
    { device, stream: STREAM, count: 4 },
    { device: "d2", count: 99 },
  ]);
  t.same(await listGaps(store, { device, sinceMs: 2_001 }), []);
});
