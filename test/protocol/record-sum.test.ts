import t from "tap";
import { summable } from "../../protocol/record-sum.ts";

t.test("measurements of a device and of each version add up; happenings do not", async (t) => {
  const inference = { slot: "digits", version: "1.0.0", intervalMs: 10, "outcome.answered": 2 };
  const ofVersion = summable("inference", inference);
  t.equal(ofVersion?.subject, "digits@1.0.0");
  t.equal(summable("inference", { slot: "digits", intervalMs: 10 })?.subject, "digits@");
  const sum = ofVersion?.begin();
  sum?.add(inference);
  sum?.add(inference);
  t.match(sum?.toFields(), { ...inference, records: 2, intervalMs: 20, "outcome.answered": 4 });
  t.equal(summable("health", { cpuPercent: 1 })?.subject, "");
  t.equal(summable("event", { event: "swapped" }), undefined);
  t.equal(summable("gap", { cause: "disk", count: 1 }), undefined);
  t.throws(() => summable("inference", { nonsense: true }), { code: "SCHEMA" });
});
