import t from "tap";
import { isSameMonth, monthPassed } from "../../../agent/telemetry/month.ts";

t.test("a month begins at midnight of its first day, by UTC", async (t) => {
  t.equal(isSameMonth(Date.UTC(2026, 10, 1), Date.UTC(2026, 10, 30, 23, 59)), true);
  t.equal(isSameMonth(Date.UTC(2026, 10, 30, 23, 59), Date.UTC(2026, 11, 1)), false);
  t.equal(isSameMonth(Date.UTC(2025, 10, 3), Date.UTC(2026, 10, 3)), false);
});

t.test("how much of a month has passed", async (t) => {
  t.equal(monthPassed(Date.UTC(2026, 10, 1)), 0);
  t.equal(monthPassed(Date.UTC(2026, 10, 16)), 0.5);
  t.ok(monthPassed(Date.UTC(2026, 11, 31, 23, 59)) > 0.999, "December is followed by January");
});
