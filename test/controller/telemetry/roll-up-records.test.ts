import t from "tap";
import { cutoffsAt, retentionOf } from "../../../controller/telemetry/retention.ts";
import { FROM_THE_START, rollUpRecords } from "../../../controller/telemetry/roll-up-records.ts";
import { STREAM, storeOf, type Stored } from "../../support/stored-telemetry.ts";

const DAY_MS = 86_400_000;
const START_MS = 20_000 * DAY_MS;
const cutoffs = cutoffsAt(START_MS + 3 * DAY_MS, retentionOf());
const at = (seq: number, more: Partial<Stored> = {}): Stored => ({
  seq,
  atMs: START_MS + seq * 1_000,
  receivedMs: START_MS + seq * 1_000,
  fields: { cpuPercent: seq },
  ...more,
});

t.test("slices go through the records in the order in which they came, and pass what does not add up", async (t) => {
  await using store = await storeOf(`${t.testdir({})}/controller.db`, [
    at(0),
    at(1, { kind: "event", fields: { event: "swapped" } }),
    at(2),
    at(3, { kind: "inference", fields: { nonsense: true } }),
    at(4, { receivedMs: START_MS + 2.5 * DAY_MS }),
  ]);
  const first = await rollUpRecords(store, FROM_THE_START, { cutoffs, limit: 2 });
  t.match(first, { rolled: 1, isFull: true });
  const second = await rollUpRecords(store, first.cursor, { cutoffs, limit: 2 });
  t.match(second, { rolled: 1, isFull: true });
  t.match(await rollUpRecords(store, second.cursor, { cutoffs, limit: 2 }), { rolled: 0, isFull: false });
  const left = await store.selectFrom("telemetry").select("seq").execute();
  t.same(
    left.map(({ seq }) => seq),
    [1, 3, 4],
  );
  const sums = await store.selectFrom("telemetry_rollups").selectAll().execute();
  t.match(sums, [
    { device: "d1", kind: "health", span_ms: 60_000, at_ms: START_MS, stream: STREAM, subject: "", records: 2 },
  ]);
  t.match(JSON.parse(sums[0]?.fields_json ?? ""), { cpuPercent: 1, "cpuPercent.min": 0, "cpuPercent.max": 2 });
});
