import t from "tap";
import { greatestOver, readHealthSeries } from "../../../controller/reports/read-health-series.ts";
import type { DeviceId } from "../../../protocol/ids.ts";
import { STREAM, storeOf } from "../../support/stored-telemetry.ts";

t.test(
  "records and what they were added up to are one series, in which the greatest of each stretch shows",
  async (t) => {
    await using store = await storeOf(`${t.testdir({})}/controller.db`, [
      { seq: 9, atMs: 90_000, fields: { cpuPercent: 20 } },
      { seq: 10, atMs: 95_000, kind: "event", fields: { event: "swapped" } },
    ]);
    await store
      .insertInto("telemetry_rollups")
      .values({
        ...{
          device: "d1" as DeviceId,
          kind: "health",
          span_ms: 60_000,
          at_ms: 60_000,
          stream: STREAM,
          subject: "",
          records: 2,
        },
        fields_json: JSON.stringify({ records: 2, cpuPercent: 40, "cpuPercent.max": 60 }),
      })
      .execute();
    const window = { fromMs: 0, toMs: 96_000 };
    const series = await readHealthSeries(store, "d1" as DeviceId, window);
    t.match(series, [{ atMs: 60_000 }, { atMs: 90_000, fields: { cpuPercent: 20 } }]);
    const points = greatestOver(series, window, ({ cpuPercent }) => Number(cpuPercent));
    t.equal(points.length, 48);
    t.same(
      points.filter(({ y }) => y !== null).map(({ y }) => y),
      [40, 20],
    );
  },
);
