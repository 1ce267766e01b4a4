import t from "tap";
import { condensingOf, decideDetail, type DataSituation } from "../../../agent/telemetry/detail.ts";

const MB = 1e6;
const situation = (change: Partial<DataSituation>): DataSituation => ({
  isMetered: false,
  budgetBytes: 100 * MB,
  usedBytes: 0,
  monthPassed: 0,
  ...change,
});

const cases = [
  { when: "there is no budget", given: { budgetBytes: undefined, usedBytes: 1e12 }, then: "raw" },
  { when: "the link is metered", given: { budgetBytes: undefined, isMetered: true }, then: "roll-up" },
  { when: "the month begins", given: {}, then: "raw" },
  { when: "the link is metered and nothing is used", given: { isMetered: true }, then: "roll-up" },
  { when: "use is a little ahead of time", given: { usedBytes: 54 * MB, monthPassed: 0.5 }, then: "raw" },
  { when: "use is ahead of time", given: { usedBytes: 60 * MB, monthPassed: 0.5 }, then: "roll-up" },
  { when: "half of what time leaves is gone", given: { usedBytes: 76 * MB, monthPassed: 0.5 }, then: "sketch" },
  { when: "almost everything is gone", given: { usedBytes: 95 * MB, monthPassed: 0.5 }, then: "counters" },
  { when: "more than everything is gone", given: { usedBytes: 300 * MB, monthPassed: 0.99 }, then: "counters" },
  { when: "the month has caught up", given: { usedBytes: 95 * MB, monthPassed: 0.96 }, then: "raw" },
] as const;
for (const { when, given, then } of cases) {
  t.test(`${then} when ${when}`, async (t) => t.equal(decideDetail(situation(given)), then));
}

t.test("of a number that did not change its mean alone is sent", async (t) => {
  const reduce = condensingOf("roll-up", 3_600_000)?.reduce ?? ((_kind, fields) => fields);
  const health = { records: 9, a: 1, "a.min": 1, "a.max": 2, b: 7, "b.min": 7, "b.max": 7, "b.records": 4 };
  t.same(reduce("health", health), { records: 9, a: 1, "a.max": 2, b: 7, "b.records": 4 });
});

t.test("of what only grows no extremes are sent, so that an idle month stays within 3 MB", async (t) => {
  const reduce = condensingOf("roll-up", 3_600_000)?.reduce ?? ((_kind, fields) => fields);
  const grown = { records: 9, linkSentBytes: 50, "linkSentBytes.min": 10, "linkSentBytes.max": 90 };
  t.same(reduce("health", grown), { records: 9, linkSentBytes: 50 });
});

t.test("what is sent shrinks from detail to detail, and counts always go", async (t) => {
  const health = { records: 120, cpuPercent: 3, "cpuPercent.min": 1, "cpuPercent.max": 9 };
  const inference = { slot: "digits", intervalMs: 10, records: 6, "outcome.answered": 5, inferSketch: "4.5" };
  const sent = (["raw", "roll-up", "sketch", "counters"] as const).map((detail) => {
    const reduce = condensingOf(detail, 3_600_000)?.reduce ?? ((_kind, fields) => fields);
    return [Object.keys(reduce("health", health)).length, Object.keys(reduce("inference", inference)).length];
  });
  t.same(sent, [
    [4, 5],
    [4, 5],
    [2, 5],
    [2, 4],
  ]);
  t.same(condensingOf("counters", 3_600_000)?.reduce("inference", inference)["outcome.answered"], 5);
  t.equal(condensingOf("roll-up", 3_600_000)?.reduce("health", health), health, "what is whole is not written anew");
});

t.test("at the least detail a distribution becomes its counts, and says so", async (t) => {
  const reduce = condensingOf("counters", 3_600_000)?.reduce ?? ((_kind, fields) => fields);
  const fields = { slot: "digits", feature: "x", seen: 9, count: 8, missing: 1, valueSketch: "0 1||8|", anomalous: 2 };
  const counted = { slot: "digits", feature: "x", seen: 9, count: 8, missing: 1, anomalous: 2, untold: 8 };
  t.same(reduce("distribution", fields), counted);
  t.equal(reduce("distribution", counted), counted, "once");
});
