import t from "tap";
import { checkSchedule, nextRunMs } from "../../../controller/schedules/check-schedule.ts";
import type { ScheduleSpec } from "../../../controller/schedules/schedule-shape.ts";
import { NOW_MS } from "../../support/device-views.ts";

const spec: ScheduleSpec = {
  ...{ name: "monday", cron: "0 7 * * 1", timezone: "Europe/Oslo", report: "fleet", windowSeconds: 86_400 },
  ...{ formats: ["html"], toFolder: true, receivers: [], keep: 30, keepDays: 400 },
};

t.test("a schedule without a mistake says nothing", async (t) => {
  for (const change of [{}, { receivers: ["mail"] }, { cron: "*/5 * * * *" }, { report: "drift", subject: "digits" }]) {
    checkSchedule({ ...spec, ...change } as ScheduleSpec, ["mail"], NOW_MS);
  }
  t.pass();
});

const cases = [
  { change: { cron: "0 7 * *" }, says: /five fields/, why: "a field is missing" },
  { change: { cron: "0 25 * * *" }, says: /"25" is no hour/, why: "a day has 24 hours" },
  { change: { timezone: "Oslo" }, says: /no time zone "Oslo"/, why: "zones have the names of a database" },
  { change: { cron: "* * * * *" }, says: /more than once in five minutes/, why: "a report is some seconds of work" },
  { change: { cron: "0 7 30 2 *" }, says: /no day of the month/, why: "there is no 30 February" },
  {
    change: { receivers: ["pager"] },
    says: /no receiver pager of reports: there are mail/,
    why: "it is not configured",
  },
  { change: { toFolder: false }, says: /would go nowhere/, why: "nobody would see it" },
] as const;

for (const { change, says, why } of cases) {
  t.test(`${JSON.stringify(change)} is refused: ${why}`, async (t) => {
    t.throws(
      () => {
        checkSchedule({ ...spec, ...change } as ScheduleSpec, ["mail"], NOW_MS);
      },
      { code: "bad-schedule", message: says },
    );
  });
}

t.test("what it is about must fit the report", async (t) => {
  t.throws(
    () => {
      checkSchedule({ ...spec, report: "model" }, [], NOW_MS);
    },
    { code: "bad-request" },
  );
});

t.test("the next run is by the clocks of its zone, summer and winter", async (t) => {
  const next = (atMs: number) => new Date(nextRunMs(spec, atMs) ?? 0).toISOString();
  t.equal(next(Date.parse("2026-11-23T05:59:59Z")), "2026-11-23T06:00:00.000Z");
  t.equal(next(Date.parse("2026-11-23T06:00:00Z")), "2026-11-30T06:00:00.000Z", "not the one that has just been");
  t.equal(next(Date.parse("2026-07-01T00:00:00Z")), "2026-07-06T05:00:00.000Z");
});
