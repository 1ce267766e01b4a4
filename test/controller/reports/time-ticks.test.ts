import t from "tap";
import { timeTicks } from "../../../controller/reports/time-ticks.ts";

const from = Date.parse("2026-11-21T12:07:00Z");
const HOUR_MS = 3_600_000;

const cases = [
  { hours: 1, max: 4, texts: ["12:15", "12:30", "12:45", "13:00"] },
  { hours: 24, max: 4, texts: ["18:00", "00:00", "06:00", "12:00"] },
  { hours: 7 * 24, max: 4, texts: ["23 Nov", "25 Nov", "27 Nov"] },
];
for (const { hours, max, texts } of cases) {
  t.test(`${hours} hours have round instants`, async (t) => {
    t.same(
      timeTicks(from, from + hours * HOUR_MS, max).map(({ text }) => text),
      texts,
    );
  });
}

t.test("there are never more than were asked for, however long it is", async (t) => {
  for (const hours of [1, 5, 26, 200, 10_000]) t.ok(timeTicks(from, from + hours * HOUR_MS, 5).length <= 6);
});
