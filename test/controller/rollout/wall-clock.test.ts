import t from "tap";
import { calendarDayAt, clockOf, isTimeZone } from "../../../controller/rollout/wall-clock.ts";

interface Case {
  readonly when: string;
  readonly zone: string;
  /** Year, month, day, hour, minute. */
  readonly at: readonly [number, number, number, number, number];
  readonly instants: readonly string[];
}

const cases: readonly Case[] = [
  { when: "an ordinary hour", zone: "Europe/Oslo", at: [2027, 1, 10, 2, 0], instants: ["2027-01-10T01:00Z"] },
  { when: "the hour before a jump", zone: "Europe/Oslo", at: [2027, 3, 28, 1, 59], instants: ["2027-03-28T00:59Z"] },
  { when: "a skipped time", zone: "Europe/Oslo", at: [2027, 3, 28, 2, 30], instants: ["2027-03-28T01:00Z"] },
  { when: "the hour after a jump", zone: "Europe/Oslo", at: [2027, 3, 28, 3, 0], instants: ["2027-03-28T01:00Z"] },
  {
    when: "an hour that comes twice",
    zone: "Europe/Oslo",
    at: [2027, 10, 31, 2, 30],
    instants: ["2027-10-31T00:30Z", "2027-10-31T01:30Z"],
  },
  { when: "half-hour zones", zone: "Asia/Kolkata", at: [2027, 1, 1, 0, 0], instants: ["2026-12-31T18:30Z"] },
  { when: "the far east", zone: "Pacific/Kiritimati", at: [2027, 1, 1, 0, 0], instants: ["2026-12-31T10:00Z"] },
  { when: "the far west", zone: "Pacific/Pago_Pago", at: [2027, 1, 1, 23, 0], instants: ["2027-01-02T10:00Z"] },
  // Half an hour only: 2:00 jumps to 2:30.
  { when: "a small jump", zone: "Australia/Lord_Howe", at: [2027, 10, 3, 2, 15], instants: ["2027-10-02T15:30Z"] },
  {
    when: "a small repeat",
    zone: "Australia/Lord_Howe",
    at: [2027, 4, 4, 1, 45],
    instants: ["2027-04-03T14:45Z", "2027-04-03T15:15Z"],
  },
  // Midnight itself is skipped there.
  { when: "a skipped midnight", zone: "Africa/Cairo", at: [2027, 4, 30, 0, 10], instants: ["2027-04-29T22:00Z"] },
];

for (const { when, zone, at, instants } of cases) {
  const [year, month, day, hour, minute] = at;
  t.test(`${when} of ${zone} is ${instants.join(" and ")}`, async (t) => {
    const found = clockOf({ year, month, day }, zone)(hour, minute);
    t.same(
      found.map((instant) => new Date(instant).toISOString().replace(":00.000Z", "Z")),
      instants,
    );
  });
}

t.test("a date belongs to its zone", async (t) => {
  const instant = Date.parse("2026-12-31T23:30Z");
  t.same(calendarDayAt(instant, "Europe/Oslo"), { year: 2027, month: 1, day: 1 });
  t.same(calendarDayAt(instant, "America/New_York"), { year: 2026, month: 12, day: 31 });
});

t.test("a zone has a name that the time-zone database knows", async (t) => {
  t.ok(isTimeZone("Europe/Oslo"));
  t.ok(isTimeZone("UTC"));
  t.notOk(isTimeZone("Europe/Osl"));
  t.notOk(isTimeZone(""));
});
