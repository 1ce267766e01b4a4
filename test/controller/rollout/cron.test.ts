import t from "tap";
import { openingsFrom, parseCron, type Cron } from "../../../controller/rollout/cron.ts";

function cron(text: string): Cron {
  const parsed = parseCron(text);
  if (parsed.kind === "refused") throw new Error(parsed.why);
  return parsed.cron;
}

function first(count: number, text: string, zone: string, from: string): string[] {
  const found: string[] = [];
  for (const instant of openingsFrom(cron(text), zone, Date.parse(from))) {
    found.push(new Date(instant).toISOString().slice(0, 16));
    if (found.length === count) break;
  }
  return found;
}

const cases: readonly {
  readonly when: string;
  readonly text: string;
  readonly from: string;
  readonly then: readonly string[];
}[] = [
  {
    when: "each night in winter and summer",
    text: "0 2 * * *",
    from: "2027-03-26T12:00Z",
    then: ["2027-03-27T01:00", "2027-03-28T01:00", "2027-03-29T00:00"],
  },
  {
    when: "a night with a skipped hour opens once, when the clocks have jumped",
    text: "15,30 2 * * *",
    from: "2027-03-28T00:00Z",
    then: ["2027-03-28T01:00", "2027-03-29T00:15"],
  },
  {
    when: "an hour that comes twice opens at its first time",
    text: "30 2 * * *",
    from: "2027-10-31T00:00Z",
    then: ["2027-10-31T00:30", "2027-11-01T01:30"],
  },
  {
    when: "every hour means every hour, also the one that comes twice",
    text: "0 * * * *",
    from: "2027-10-31T00:00Z",
    then: ["2027-10-31T00:00", "2027-10-31T01:00", "2027-10-31T02:00"],
  },
  {
    when: "weekdays by name",
    text: "0 22 * * MON-FRI",
    from: "2027-01-01T23:00Z",
    then: ["2027-01-04T21:00", "2027-01-05T21:00"],
  },
  { when: "7 is Sunday too", text: "0 2 * * 7", from: "2027-01-01T00:00Z", then: ["2027-01-03T01:00"] },
  {
    when: "the last day of the month",
    text: "0 2 L * *",
    from: "2028-02-01T00:00Z",
    then: ["2028-02-29T01:00", "2028-03-31T00:00"],
  },
  {
    when: "the second Tuesday of the month",
    text: "0 2 * * 2#2",
    from: "2026-11-01T00:00Z",
    then: ["2026-11-10T01:00", "2026-12-08T01:00"],
  },
  {
    when: "the last Friday of the month",
    text: "0 2 * * 5L",
    from: "2026-11-01T00:00Z",
    then: ["2026-11-27T01:00", "2026-12-25T01:00"],
  },
  {
    when: "29 February",
    text: "0 2 29 2 *",
    from: "2027-01-01T00:00Z",
    then: ["2028-02-29T01:00", "2032-02-29T01:00"],
  },
  // 2100 is no leap year: the longest wait there is.
  { when: "29 February around 2100", text: "0 2 29 2 *", from: "2096-03-01T00:00Z", then: ["2104-02-29T01:00"] },
];

for (const { when, text, from, then } of cases) {
  t.test(`${when}: "${text}" in Oslo`, async (t) => t.same(first(then.length, text, "Europe/Oslo", from), then));
}

t.test("an opening at the very moment counts", async (t) => {
  t.same(first(1, "0 2 * * *", "UTC", "2027-01-01T02:00Z"), ["2027-01-01T02:00"]);
  t.same(first(1, "0 2 * * *", "UTC", "2027-01-01T02:00:00.001Z"), ["2027-01-02T02:00"]);
});

const refused: readonly (readonly [text: string, why: RegExp])[] = [
  ["0 2 * *", /not five fields/],
  ["0 0 2 * * *", /not five fields/],
  ["@daily", /not five fields/],
  ["0 25 * * *", /"25" is no hour/],
  ["*/0 2 * * *", /"\*\/0" is no minute/],
  ["0 2 * * FUNDAY", /is no weekday/],
  ["0 2 31 2 *", /is no day of the month/],
  ["0 2 15W * *", /"15W" is not understood here/],
  ["0 2 1 * 1", /restricts day and weekday/],
];
for (const [text, why] of refused) {
  t.test(`"${text}" is refused: ${why.source}`, async (t) => {
    const parsed = parseCron(text);
    t.match(parsed, { kind: "refused", why });
  });
}
