import t from "tap";
import { datedMs } from "../../../agent/telemetry/dated.ts";

const nowMs = Date.UTC(2026, 10, 28);
const now = { bootMs: 3_600_000, trustedMs: nowMs };

const cases = [
  { when: "the clock was right", made: { at_ms: nowMs - 1_000, boot_ms: 3_599_000 }, now, then: nowMs - 1_000 },
  { when: "it was a minute off", made: { at_ms: nowMs - 61_000, boot_ms: 3_599_000 }, now, then: nowMs - 61_000 },
  { when: "the machine booted in 1970", made: { at_ms: 60_000, boot_ms: 60_000 }, now, then: nowMs - 3_540_000 },
  { when: "the clock was in the future", made: { at_ms: nowMs * 2, boot_ms: 3_600_000 }, now, then: nowMs },
  {
    when: "nobody has told the time",
    made: { at_ms: 60_000, boot_ms: 60_000 },
    now: { ...now, trustedMs: undefined },
    then: 60_000,
  },
  { when: "an earlier version wrote it", made: { at_ms: 60_000, boot_ms: null }, now, then: 60_000 },
];
for (const { when, made, now, then } of cases) {
  t.test(`a record is dated right when ${when}`, async (t) => t.equal(datedMs(made, now), then));
}
