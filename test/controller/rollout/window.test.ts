import t from "tap";
import type { RolloutWindow } from "../../../controller/rollout/rollout-spec.ts";
import { windowAt, windowMistake } from "../../../controller/rollout/window.ts";

const HOUR_MS = 3_600_000;
const night: RolloutWindow = { cron: "0 2 * * *", durationMs: 3 * HOUR_MS, timezone: "Europe/Oslo" };

function at(window: RolloutWindow, now: string) {
  const view = windowAt(window, Date.parse(now));
  return view && `${view.open ? "open" : "closed"} ${short(view.opensAtMs)} ${short(view.closesAtMs)}`;
}

function short(ms: number): string {
  return new Date(ms).toISOString().slice(5, 16);
}

const cases: readonly {
  readonly when: string;
  readonly window: RolloutWindow;
  readonly now: string;
  readonly then: string;
}[] = [
  { when: "before it", window: night, now: "2027-01-10T00:59:59Z", then: "closed 01-10T01:00 01-10T04:00" },
  { when: "as it opens", window: night, now: "2027-01-10T01:00Z", then: "open 01-10T01:00 01-10T04:00" },
  { when: "before it closes", window: night, now: "2027-01-10T03:59:59Z", then: "open 01-10T01:00 01-10T04:00" },
  { when: "as it closes", window: night, now: "2027-01-10T04:00Z", then: "closed 01-11T01:00 01-11T04:00" },
  {
    when: "in the night of the skipped hour: three hours from the jump",
    window: night,
    now: "2027-03-28T01:30Z",
    then: "open 03-28T01:00 03-28T04:00",
  },
  {
    when: "in the night of the hour that comes twice: three hours, not four",
    window: night,
    now: "2027-10-31T03:30Z",
    then: "closed 11-01T01:00 11-01T04:00",
  },
  {
    when: "over midnight",
    window: { cron: "0 22 * * FRI", durationMs: 8 * HOUR_MS, timezone: "America/New_York" },
    now: "2027-01-16T05:00Z",
    then: "open 01-16T03:00 01-16T11:00",
  },
  {
    when: "openings that overlap are one window, which the last one closes",
    window: { cron: "0 2,3,4 * * *", durationMs: 2 * HOUR_MS, timezone: "UTC" },
    now: "2027-01-10T02:30Z",
    then: "open 01-10T02:00 01-10T06:00",
  },
  {
    when: "openings that touch are one window",
    window: { cron: "0,30 2-4 * * *", durationMs: HOUR_MS / 2, timezone: "UTC" },
    now: "2027-01-10T00:00Z",
    then: "closed 01-10T02:00 01-10T05:00",
  },
  {
    when: "a whole week from Monday on, except the last hour",
    window: { cron: "0 0 * * MON", durationMs: 167 * HOUR_MS, timezone: "UTC" },
    now: "2027-01-10T23:30Z",
    then: "closed 01-11T00:00 01-17T23:00",
  },
];

for (const { when, window, now, then } of cases) {
  t.test(`${then.split(" ", 1).join("")} ${when}`, async (t) => t.equal(at(window, now), then));
}

const nowMs = Date.parse("2026-11-21T10:00Z");

const mistakes: readonly (readonly [window: Partial<RolloutWindow>, field: string, text: RegExp])[] = [
  [{ cron: "0 2 * *" }, "cron", /five fields/],
  [{ cron: "0 2 30 2 *" }, "cron", /no day of the month/],
  // Each month has a fifth Monday sometimes, February next in 2044.
  [{ cron: "0 2 * 2 1#5" }, "cron", /names no date of the next ten years/],
  [{ timezone: "Oslo/Europe" }, "timezone", /no time zone "Oslo\/Europe"/],
  [{ durationMs: 24 * HOUR_MS, timezone: "UTC" }, "durationMs", /never closes/],
];
for (const [change, field, text] of mistakes) {
  t.test(`${JSON.stringify(change)} is refused`, async (t) => {
    t.match(windowMistake({ ...night, ...change }, nowMs), { field, text });
  });
}

t.test("a window that opens and closes is right", async (t) => {
  t.equal(windowMistake(night, nowMs), undefined);
  t.equal(windowMistake({ cron: "* 9-16 * * 1-5", durationMs: 60_000, timezone: "Asia/Kolkata" }, nowMs), undefined);
});

t.test("a window that never opens has no view", async (t) => {
  t.equal(windowAt({ ...night, cron: "0 2 * 2 1#5" }, nowMs), undefined);
  t.equal(windowAt({ ...night, cron: "no cron" }, nowMs), undefined);
});
