import t from "tap";
import { cutoffsAt, retentionOf, stretchOf } from "../../../controller/telemetry/retention.ts";

const HOUR_MS = 3_600_000;
const NOW_MS = 400_000 * HOUR_MS + 1_234_567;

t.test("what is not configured is as in the defaults", async (t) => {
  t.same(retentionOf(), {
    rawMs: 48 * HOUR_MS,
    minuteMs: 168 * HOUR_MS,
    hourMs: 9_600 * HOUR_MS,
    eventMs: 9_600 * HOUR_MS,
  });
  t.match(retentionOf({ rawHours: 6 }), { rawMs: 6 * HOUR_MS, minuteMs: 168 * HOUR_MS });
});

const wrong = [{ rawHours: 200 }, { minuteDays: 500 }, { rawHours: 48, eventDays: 1 }];
for (const config of wrong) {
  t.test(`what is coarser is kept longer: ${JSON.stringify(config)}`, async (t) => {
    t.throws(() => retentionOf(config), { code: "bad-config", hint: /rawHours ≤ 24 × minuteDays/ });
  });
}

t.test("minutes and hours end at whole hours, so that an hour is added up as one", async (t) => {
  const cutoffs = cutoffsAt(NOW_MS, retentionOf());
  t.equal(cutoffs.rawMs, NOW_MS - 48 * HOUR_MS);
  t.equal(cutoffs.minuteMs, (400_000 - 168) * HOUR_MS);
  t.equal(cutoffs.hourMs, (400_000 - 9_600) * HOUR_MS);
});

t.test("a late record goes to what the others of its hour became", async (t) => {
  const cutoffs = cutoffsAt(NOW_MS, retentionOf());
  t.same(stretchOf(cutoffs.minuteMs + 61_000, cutoffs), { spanMs: 60_000, atMs: cutoffs.minuteMs + 60_000 });
  t.same(stretchOf(cutoffs.minuteMs - 1, cutoffs), { spanMs: HOUR_MS, atMs: cutoffs.minuteMs - HOUR_MS });
});
