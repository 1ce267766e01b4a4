import t from "tap";
import { exportRecords, type ExportedRecord, type ExportFilter } from "../../../controller/telemetry/export-records.ts";
import { cutoffsAt, retentionOf } from "../../../controller/telemetry/retention.ts";
import { FROM_THE_START, rollUpRecords } from "../../../controller/telemetry/roll-up-records.ts";
import type { DeviceId } from "../../../protocol/ids.ts";
import { addTo, storeOf, type Stored } from "../../support/stored-telemetry.ts";

const DAY_MS = 86_400_000;
const START_MS = 20_000 * DAY_MS;
const record = (device: string, seq: number, more: Partial<Stored> = {}): Stored => ({
  device,
  seq,
  atMs: START_MS + seq * 1_000,
  receivedMs: START_MS + seq * 1_000,
  fields: { cpuPercent: seq },
  ...more,
});
const inference = { kind: "inference" as const, fields: { slot: "digits", version: "1.0.0", intervalMs: 1 } };

t.test(
  "what is raw and what was added up comes once, device by device, across pages, as the filter asks",
  async (t) => {
    await using store = await storeOf(`${t.testdir({})}/controller.db`, [
      record("d2", 0),
      record("d1", 0),
      record("d1", 1),
    ]);
    await rollUpRecords(store, FROM_THE_START, {
      cutoffs: cutoffsAt(START_MS + 3 * DAY_MS, retentionOf()),
      limit: 100,
    });
    const many = Array.from({ length: 1_500 }, (_, at) => record("d1", 2 + at));
    await addTo(store, [...many, record("d1", 1_600, inference), record("d2", 1, { kind: "event" })]);
    const read = async (filter: ExportFilter) => {
      const records: ExportedRecord[] = [];
      for await (const one of exportRecords(store, filter)) records.push(one);
      return records;
    };
    const all = await read({});
    t.equal(
      all.reduce((sum, one) => sum + one.records, 0),
      3 + 1_500 + 2,
    );
    t.match(all[0], { device: "d1", spanMs: 60_000, atMs: START_MS, records: 2, fields: { cpuPercent: 0.5 } });
    t.match(all[1], { device: "d1", spanMs: 0, seq: 2, records: 1, fields: { cpuPercent: 2 } });
    t.match(await read({ device: "d2" as DeviceId }), [{ spanMs: 60_000 }, { kind: "event", seq: 1 }]);
    t.match(await read({ slot: "digits" }), [{ kind: "inference", seq: 1_600 }]);
    t.match(await read({ kind: "health", fromMs: START_MS + 3_000, toMs: START_MS + 5_000 }), [{ seq: 3 }, { seq: 4 }]);
  },
);
