import t from "tap";
import { niceScale, tickText } from "../../../controller/reports/nice-scale.ts";

const cases = [
  { when: "values are small", values: [0.3, 1.7], then: { from: 0, to: 2 } },
  { when: "values are on both sides of 0", values: [-3, 2], then: { from: -4, to: 2 } },
  { when: "all are below 0", values: [-30, -20], then: { from: -30, to: 0 } },
  { when: "all are 0", values: [0, 0], then: { from: 0, to: 1 } },
  { when: "there is none", values: [], then: { from: 0, to: 1 } },
  { when: "one is no number", values: [Number.NaN, 40], then: { from: 0, to: 40 } },
];
for (const { when, values, then } of cases) {
  t.test(`${then.from} to ${then.to} when ${when}`, async (t) => {
    const scale = niceScale(values);
    t.match(scale, then);
    t.equal(scale.ticks[0], scale.from);
    t.ok(Math.abs((scale.ticks.at(-1) ?? 0) - scale.to) < 1e-9);
    t.ok(scale.ticks.length >= 2 && scale.ticks.length <= 8);
  });
}

t.test("a tick has no needless digits", async (t) => {
  t.same([0.30000000000000004, 1_500, 20_000, 3_000_000].map(tickText), ["0.3", "1500", "20k", "3M"]);
});
