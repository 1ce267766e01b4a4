import t from "tap";
import { recordTime } from "../../../controller/telemetry/record-time.ts";

const NOW_MS = Date.parse("2026-11-21T12:00:00Z");
const cases = [
  { when: "just now", toldMs: NOW_MS - 1_000, then: { atMs: NOW_MS - 1_000, problem: undefined } },
  {
    when: "ten weeks late",
    toldMs: NOW_MS - 70 * 86_400_000,
    then: { atMs: NOW_MS - 70 * 86_400_000, problem: undefined },
  },
  {
    when: "a clock that runs a little fast",
    toldMs: NOW_MS + 60_000,
    then: { atMs: NOW_MS + 60_000, problem: undefined },
  },
  { when: "in the future", toldMs: NOW_MS + 3_600_000, then: { atMs: NOW_MS, problem: "clock-ahead" } },
  { when: "in 1970", toldMs: 12_345, then: { atMs: NOW_MS, problem: "clock-behind" } },
  { when: "beyond every calendar", toldMs: 1e300, then: { atMs: NOW_MS, problem: "clock-ahead" } },
];
for (const { when, toldMs, then } of cases) {
  t.test(`a record counts as made at a time that can be: ${when}`, async (t) => {
    t.same(recordTime(toldMs, NOW_MS), then);
  });
}
