import t from "tap";
import { systemClock } from "../../common/clock.ts";

t.test("a sleep ends at once, and without an error, when its signal aborts", async (t) => {
  const ending = new AbortController();
  const startedMs = systemClock.monotonicMs();
  const sleeping = systemClock.sleep(60_000, ending.signal);
  ending.abort();
  await sleeping;
  await systemClock.sleep(60_000, ending.signal);
  t.ok(systemClock.monotonicMs() - startedMs < 10_000);
});

t.test("wall clock and monotonic clock both advance", async (t) => {
  const [now, monotonic] = [systemClock.nowMs(), systemClock.monotonicMs()];
  await systemClock.sleep(5);
  t.ok(systemClock.nowMs() >= now && systemClock.monotonicMs() > monotonic);
});
