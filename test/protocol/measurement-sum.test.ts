import t from "tap";
import { MeasurementSum } from "../../protocol/measurement-sum.ts";
import type { RecordFields } from "../../protocol/messages/telemetry-batch.ts";

const records: readonly RecordFields[] = [
  { cpuPercent: 10, temperatureCelsius: 50, isThrottled: false, board: "pi" },
  { cpuPercent: 30, isThrottled: true },
  { cpuPercent: 20, temperatureCelsius: 60, isThrottled: false },
  { cpuPercent: 60, temperatureCelsius: 40, isThrottled: false, runnersRssBytes: null },
];

function sumOf(some: readonly RecordFields[]): RecordFields {
  const sum = new MeasurementSum();
  for (const fields of some) sum.add(fields);
  return sum.toFields();
}

t.test("each number becomes its mean with the least and the greatest, each boolean a share", async (t) => {
  t.same(sumOf(records), {
    records: 4,
    cpuPercent: 30,
    "cpuPercent.min": 10,
    "cpuPercent.max": 60,
    temperatureCelsius: 50,
    "temperatureCelsius.min": 40,
    "temperatureCelsius.max": 60,
    "temperatureCelsius.records": 3,
    isThrottled: 0.25,
    "isThrottled.min": 0,
    "isThrottled.max": 1,
  });
});

t.test("sums of sums are the sum of all, in any order", async (t) => {
  t.same(sumOf([sumOf(records.slice(0, 1)), sumOf(records.slice(1))]), sumOf(records));
  t.same(sumOf([sumOf(records.slice(2)), ...records.slice(0, 2)]), sumOf(records));
});

t.test("names that a device makes up do not grow the sum without end", async (t) => {
  const sum = new MeasurementSum();
  for (let n = 0; n < 1_000; n += 1) sum.add({ [`made-up-${n}`]: n, ["x".repeat(60)]: 1 });
  t.ok(Object.keys(sum.toFields()).length <= 1 + 4 * 128);
  t.ok(Object.keys(sum.toFields()).every((name) => name.length <= 64));
});
