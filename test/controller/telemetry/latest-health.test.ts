import t from "tap";
import { latestHealth } from "../../../controller/telemetry/latest-health.ts";
import type { DeviceId } from "../../../protocol/ids.ts";
import { STREAM, storeOf } from "../../support/stored-telemetry.ts";

t.test("the latest health of a device is the one with its highest number", async (t) => {
  await using store = await storeOf(`${t.testdir({})}/controller.db`, [
    { seq: 0, fields: { cpuPercent: 1 } },
    { seq: 1, fields: { cpuPercent: 2 } },
    { seq: 2, kind: "event", fields: { event: "swapped" } },
  ]);
  t.match(await latestHealth(store, "d1" as DeviceId), { atMs: 501, fields: { cpuPercent: 2 } });
  t.equal(await latestHealth(store, "d2" as DeviceId), undefined);
});

t.test("of a device whose records were added up, the sum that ends last", async (t) => {
  await using store = await storeOf(`${t.testdir({})}/controller.db`, [
    { seq: 0, kind: "event", fields: { event: "x" } },
  ]);
  const sum = (span_ms: number, at_ms: number, cpuPercent: number) => ({
    ...{ device: "d1" as DeviceId, kind: "health" as const, span_ms, at_ms, stream: STREAM, subject: "", records: 2 },
    fields_json: JSON.stringify({ records: 2, cpuPercent }),
  });
  await store
    .insertInto("telemetry_rollups")
    .values([sum(3_600_000, 0, 1), sum(60_000, 3_600_000, 2), sum(60_000, 3_660_000, 3)])
    .execute();
  t.same(await latestHealth(store, "d1" as DeviceId), {
    ...{ atMs: 3_660_000, receivedMs: 3_720_000, fields: { records: 2, cpuPercent: 3 } },
  });
});
