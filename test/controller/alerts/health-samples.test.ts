import t from "tap";
import { healthSamplesOf } from "../../../controller/alerts/health-samples.ts";

const cases = [
  { fields: { isThrottled: true }, then: [{ metric: "throttled_ratio", value: 1 }], why: "a record says yes or no" },
  { fields: { isThrottled: 0.4 }, then: [{ metric: "throttled_ratio", value: 0.4 }], why: "a sum has the share" },
  {
    fields: { dataUsedBytes: 60, dataBudgetBytes: 50 },
    then: [{ metric: "data_budget_used_ratio", value: 1.2 }],
    why: "it is used up",
  },
  { fields: { dataUsedBytes: 60 }, then: [], why: "without a budget there is none to use up" },
  { fields: { diskFreeBytes: 1, diskTotalBytes: 0 }, then: [], why: "a disk of nothing is no disk" },
  { fields: { temperatureCelsius: "hot" }, then: [], why: "a device may say anything" },
];

for (const { fields, then, why } of cases) {
  t.test(`${JSON.stringify(fields)}: ${why}`, async (t) => t.same(healthSamplesOf(fields), then));
}
